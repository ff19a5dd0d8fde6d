import { expect, test } from "vitest";
import { operatorRules, type PolicyRule } from "./rbac.ts";

function verbsOn(rules: readonly PolicyRule[], group: string, resource: string): readonly string[] {
  return rules
    .filter(({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(resource))
    .flatMap(({ verbs }) => verbs);
}

test.each([
  ["belay.dev", "realtimeclusters", ["list", "watch", "patch"]],
  ["belay.dev", "realtimeclusters/status", ["patch"]],
  ["apps", "deployments", ["get", "list", "watch", "create", "patch", "delete"]],
  ["apps", "replicasets", ["list", "watch"]],
  ["", "pods", ["list", "watch", "patch"]],
  ["", "secrets", ["get", "list", "watch", "create", "patch", "delete"]],
  ["", "nodes", []],
  ["apiregistration.k8s.io", "apiservices", []],
])("in a served namespace, on %s %s: %j", (group, resource, verbs) => {
  expect(verbsOn(operatorRules.watched, group, resource)).toEqual(verbs);
});

test("no rule names everything, and each names one API group", () => {
  const rules = Object.values(operatorRules).flat() as readonly PolicyRule[];
  for (const { apiGroups, resources, verbs } of rules) {
    expect(apiGroups).toHaveLength(1);
    expect(resources).not.toEqual([]);
    expect([...apiGroups, ...resources, ...verbs]).not.toContain("*");
  }
});

test("what has no namespace is never a Secret", () => {
  const rules = [...operatorRules.cluster, ...operatorRules.metricsApi];
  expect(rules.flatMap(({ resources }) => resources)).toEqual(["nodes", "apiservices", "clusterroles"]);
});
