import { canReconnect } from "@belay/protocol";
import { expect, test } from "vitest";
import { signalPod } from "../container-process.ts";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { nextGatewayImage } from "../images.ts";
import { getObject, listObjects } from "../kube-objects.ts";
import { PodWatch } from "../pod-watch.ts";

const operatorNamespace = "belay-system";

test("the operator's leader is killed mid-rollout: the standby takes over within 20 s and finishes, nothing exists twice", async () => {
  await using ns = await given.namespace("e2e-failover");
  await given.realtimeCluster(ns, "over", {
    replicas: 2,
    auth: { anonymous: true },
    drain: { deadlineSeconds: 60, ratePerSecond: 20, gracePeriodSeconds: 90 },
  });
  const { cluster, url } = await given.readyCluster(ns, "over");
  await using fleet = await Fleet.open({ url, count: 200, channel: "news" });
  await eventuallyTrue("all connected", { withinMs: 20_000 }, () => fleet.connected === 200);
  const occupied: string[] = [];
  await using watch = new PodWatch(ns.name, (pod) => {
    if ((fleet.byNode.get(pod.metadata.uid) ?? 0) > 0) occupied.push(pod.metadata.name);
  });
  await eventuallyTrue("the watch sees the pods", { withinMs: 10_000 }, () => watch.stories.size === 2);

  await given.patchCluster(ns, "over", { image: await nextGatewayImage() });
  await eventuallyTrue("clients are being moved", { withinMs: 90_000 }, () => fleet.closes.length > 0);

  const before = await holder();
  const leader = (await listObjects(operatorNamespace, "pods")).find((pod) => before.startsWith(pod.metadata.name));
  await signalPod(leader?.metadata.uid ?? "", "SIGKILL");
  const { value: after, tookMs } = await eventually("another holder", { withinMs: 20_000 }, async () => {
    const now = await holder();
    return now !== before && now !== "" ? now : undefined;
  });
  await eventuallyTrue("the rollout is finished", { withinMs: 120_000 }, async () => {
    const seen = await given.readCluster(ns, "over");
    return (
      given.isReady(seen) &&
      seen.status?.revision !== cluster.status?.revision &&
      (await given.gatewayPods(ns, "over")).length === 2
    );
  });
  await eventuallyTrue("all back", { withinMs: 20_000 }, () => fleet.connected === 200);
  console.log(`took over after ${tookMs} ms: ${before} → ${after}`);

  expect(watch.stories.size).toBe(4);
  expect(await listObjects(ns.name, "deployments", "belay.dev/component=gateway")).toHaveLength(1);
  expect(fleet.closes.filter(({ code }) => !canReconnect(code) || code === 1006)).toEqual([]);
  expect(occupied).toEqual([]);
}, 400_000);

async function holder(): Promise<string> {
  const leases = await listObjects<{ metadata: { name: string }; spec: { holderIdentity?: string } }>(
    operatorNamespace,
    "leases",
  );
  const lease = leases.find(({ metadata }) => metadata.name.startsWith("belay"));
  if (lease === undefined)
    throw new Error(`no lease of the operator among ${leases.map(({ metadata }) => metadata.name).join(" ")}`);
  return (
    (await getObject<{ spec: { holderIdentity?: string } }>(operatorNamespace, "leases", lease.metadata.name)).spec
      .holderIdentity ?? ""
  );
}
