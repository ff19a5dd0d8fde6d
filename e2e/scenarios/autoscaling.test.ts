import { canReconnect } from "@belay/protocol";
import { expect, test } from "vitest";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { closesByCode, Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { kubectl } from "../kubectl.ts";
import { PodWatch } from "../pod-watch.ts";

test("the HPA takes 0 → 300 → 60 sockets from 1 to 3 pods and back, by the true number, and scale-down only drains", async () => {
  await using ns = await given.namespace("e2e-scale");
  await given.realtimeCluster(ns, "scale", {
    auth: { anonymous: true },
    drain: { deadlineSeconds: 60, ratePerSecond: 50, gracePeriodSeconds: 90 },
    autoscaling: {
      minReplicas: 1,
      maxReplicas: 5,
      targetConnectionsPerPod: 100,
      behavior: {
        scaleDown: { stabilizationWindowSeconds: 5, policies: [{ type: "Pods", value: 2, periodSeconds: 5 }] },
      },
    },
  });
  const { url } = await given.readyCluster(ns, "scale");
  await podsServing(ns, 1, 60_000);

  await using fleet = await Fleet.open({ url, count: 300, channel: "news" });
  const up = await podsServing(ns, 3, 120_000);
  await eventuallyTrue("all connected", { withinMs: 30_000 }, () => fleet.connected === 300);
  const { value: shown } = await eventually(
    "kubectl get hpa shows the true number",
    { withinMs: 30_000, everyMs: 500 },
    async () => {
      const current = await metricShown(ns);
      // AverageValue: what is shown is total / replicas.
      return current * 3 === 300 ? current : undefined;
    },
  );

  // All came when there was one pod: spread them, so that pods that go have somebody to hand over.
  await fleet.spread();
  await eventuallyTrue("all connected", { withinMs: 30_000 }, () => fleet.connected === 300 && fleet.byNode.size === 3);
  const occupied: string[] = [];
  await using watch = new PodWatch(ns.name, (pod) => {
    const left = fleet.byNode.get(pod.metadata.uid) ?? 0;
    if (left > 0) occupied.push(`${pod.metadata.name} with ${left} sockets`);
  });
  await eventuallyTrue("the watch sees the pods", { withinMs: 10_000 }, () => watch.stories.size >= 3);
  fleet.leaveAllBut(20);
  const down = await podsServing(ns, 1, 180_000);
  await eventuallyTrue("the 60 are back", { withinMs: 30_000 }, () => fleet.connected === 60);

  console.log(
    `1→3 after ${up} ms, metric shown ${shown}, 3→1 after ${down} ms, closes ${JSON.stringify(closesByCode(fleet.closes))}`,
  );
  expect(fleet.closes.length).toBeGreaterThanOrEqual(40);
  expect(fleet.closes.filter(({ code }) => !canReconnect(code) || code === 1006)).toEqual([]);
  expect(occupied).toEqual([]);
}, 500_000);

async function podsServing(ns: given.Namespace, count: number, withinMs: number): Promise<number> {
  const { tookMs } = await eventually(`${count} pods`, { withinMs, everyMs: 500 }, async () => {
    const [cluster, pods] = await Promise.all([given.readCluster(ns, "scale"), given.gatewayPods(ns, "scale")]);
    const seen = `${pods.length} pods, status ${JSON.stringify(cluster.status)}`;
    if (pods.length === count && cluster.status?.replicas === count && cluster.status.readyReplicas === count)
      return true;
    throw new Error(seen);
  });
  return tookMs;
}

async function metricShown(ns: given.Namespace): Promise<number> {
  const hpa = JSON.parse(await kubectl(["-n", ns.name, "get", "hpa", "-o", "json"])) as {
    items: { status: { currentMetrics?: { object?: { current: { averageValue?: string } } }[] } }[];
  };
  return Number(hpa.items[0]?.status.currentMetrics?.[0]?.object?.current.averageValue ?? Number.NaN);
}
