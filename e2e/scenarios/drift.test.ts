import type { ResourceName } from "@belay/operator/internal";
import { expect, test } from "vitest";
import { eventually, eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { getObject, listObjects, type Seen } from "../kube-objects.ts";
import { kubectl } from "../kubectl.ts";

const correctedWithinMs = 5_000;
/** Not deleted here: pods and keys go with them. */
const KEPT: ReadonlySet<ResourceName> = new Set(["deployments", "statefulSets", "secrets"]);
const OWNED = [
  "services",
  "configMaps",
  "secrets",
  "serviceAccounts",
  "podDisruptionBudgets",
  "networkPolicies",
  "deployments",
  "statefulSets",
] as const satisfies readonly ResourceName[];

test("a child that is deleted or edited by hand is back within 5 s, and no gateway pod is replaced for it", async () => {
  await using ns = await given.namespace("e2e-drift");
  await given.realtimeCluster(ns, "drift", { replicas: 2 });
  await given.readyCluster(ns, "drift");
  const podsBefore = (await given.gatewayPods(ns, "drift")).map((pod) => pod.metadata.uid).toSorted();
  const owned = await ownedChildren(ns.name, "drift");
  expect(owned.length).toBeGreaterThanOrEqual(8);

  for (const { resource, child } of owned.filter((each) => !KEPT.has(each.resource))) {
    const { uid, name } = child.metadata;
    await kubectl(["-n", ns.name, "delete", child.kind, name, "--wait=false"]);
    const { tookMs } = await eventuallyTrue(
      `${child.kind}/${name} is back`,
      { withinMs: correctedWithinMs },
      async () => (await getObject(ns.name, resource, name)).metadata.uid !== uid,
    );
    console.log(`deleted ${child.kind}/${name}: back after ${tookMs} ms`);
  }

  const [deployment] = await listObjects(ns.name, "deployments", "belay.dev/component=gateway");
  const name = deployment?.metadata.name ?? "";
  await kubectl([
    "-n",
    ns.name,
    "patch",
    "deployment",
    name,
    "--type=json",
    "-p",
    '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"belay.local/wrong:1"}]',
  ]);
  const { tookMs } = await eventually("the template is corrected", { withinMs: correctedWithinMs }, async () => {
    const now = await getObject<{ spec: { template: { spec: { containers: { image: string }[] } } } }>(
      ns.name,
      "deployments",
      name,
    );
    return now.spec.template.spec.containers[0]?.image === "belay.local/wrong:1" ? undefined : true;
  });
  console.log(`edited Deployment corrected after ${tookMs} ms`);
  await kubectl([
    "-n",
    ns.name,
    "patch",
    "service",
    "drift",
    "--type=merge",
    "-p",
    '{"spec":{"selector":{"belay.dev/revision":"nobody"}}}',
  ]);
  await eventuallyTrue("the Service's selector is corrected", { withinMs: correctedWithinMs }, async () => {
    const service = await getObject<{ spec: { selector: Record<string, string> } }>(ns.name, "services", "drift");
    return service.spec.selector["belay.dev/revision"] !== "nobody";
  });
  expect((await given.gatewayPods(ns, "drift")).map((pod) => pod.metadata.uid).toSorted()).toEqual(podsBefore);
});

interface Owned {
  readonly resource: ResourceName;
  readonly child: Seen;
}

async function ownedChildren(ns: string, cluster: string): Promise<readonly Owned[]> {
  const lists = await Promise.all(
    OWNED.map(async (resource) => {
      const children = await listObjects(ns, resource, `belay.dev/cluster=${cluster}`);
      return children.map((child) => ({ resource, child }));
    }),
  );
  return lists.flat();
}
