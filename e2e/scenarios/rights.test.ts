import { operatorRules, type PolicyRule } from "@belay/operator/internal";
import { expect, test } from "vitest";
import { kubectl } from "../kubectl.ts";

interface Granted {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Reviews that the metrics API asks for: Kubernetes' own role for servers behind the API server. */
const delegation: readonly Granted[] = [
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
];

test("what the operator may do on the cluster is what its code is generated to need, in its own namespace and in others", async () => {
  const { release, watched, cluster, metricsApi } = operatorRules;
  const everywhere: readonly (PolicyRule | Granted)[] = [...watched, ...cluster, ...metricsApi, ...delegation];
  expect(await rights("belay-system")).toEqual(flat([...release, ...everywhere]));
  expect(await rights("default")).toEqual(flat(everywhere));
});

/** As `kubectl auth can-i --list` of the operator's account, less what every account may do. */
async function rights(namespace: string): Promise<readonly string[]> {
  const [operator, anybody] = [
    await rulesOf("system:serviceaccount:belay-system:belay", namespace),
    await rulesOf("system:serviceaccount:default:nobody", namespace),
  ];
  return flat(operator).filter((right) => !flat(anybody).includes(right));
}

async function rulesOf(account: string, namespace: string): Promise<readonly Granted[]> {
  const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } };
  const answer = await kubectl(["create", "--validate=false", "-f", "-", "-o", "json", `--as=${account}`], review);
  const { status } = JSON.parse(answer) as { status: { resourceRules: readonly Granted[]; incomplete: boolean } };
  return status.resourceRules;
}

function flat(rules: readonly Granted[]): readonly string[] {
  const all = rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => `${verb} ${resource}.${group} ${resourceNames.join(",")}`.trim()),
      ),
    ),
  );
  return [...new Set(all)].toSorted();
}
