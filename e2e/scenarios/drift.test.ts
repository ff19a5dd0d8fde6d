import { expect, test } from "vitest";
import { eventually, eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { getObject, kubectl, listObjects, type Seen } from "../kubectl.ts";

const correctedWithinMs = 5_000;

test("a child that is deleted or edited by hand is back within 5 s, and no gateway pod is replaced for it", async () => {
  await using ns = await given.namespace("e2e-drift");
  await given.realtimeCluster(ns, "drift", { replicas: 2 });
  await given.readyCluster(ns, "drift");
  const podsBefore = (await given.gatewayPods(ns, "drift")).map((pod) => pod.metadata.uid).toSorted();
  const owned = await ownedChildren(ns.name, "drift");
  expect(owned.length).toBeGreaterThanOrEqual(8);

  for (const child of owned.filter(({ kind }) => !["Deployment", "StatefulSet", "Secret"].includes(kind))) {
    const { uid, name } = child.metadata;
    await kubectl(["-n", ns.name, "delete", child.kind, name, "--wait=false"]);
    const { tookMs } = await eventuallyTrue(
      `${child.kind}/${name} is back`,
      { withinMs: correctedWithinMs },
      async () => (await getObject(ns.name, child.kind, name)).metadata.uid !== uid,
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
      "deployment",
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
    const service = await getObject<{ spec: { selector: Record<string, string> } }>(ns.name, "service", "drift");
    return service.spec.selector["belay.dev/revision"] !== "nobody";
  });
  expect((await given.gatewayPods(ns, "drift")).map((pod) => pod.metadata.uid).toSorted()).toEqual(podsBefore);
});

async function ownedChildren(ns: string, cluster: string): Promise<readonly Seen[]> {
  const kinds = "services,configmaps,secrets,serviceaccounts,pdb,networkpolicies,deployments,statefulsets";
  return (await listObjects(ns, kinds, `belay.dev/cluster=${cluster}`)).filter(({ kind }) => kind !== "ReplicaSet");
}
