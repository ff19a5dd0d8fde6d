import { RESOURCES } from "@belay/operator/internal";
import { expect, test } from "vitest";
import { StatusWriter } from "../../src/apply/status-writer.ts";
import { parseCluster } from "../../src/api/v1alpha1/parse.ts";
import type { RealtimeClusterObject } from "../../src/api/v1alpha1/realtime-cluster.ts";
import { Given } from "./given.ts";

async function clusterOf(given: Given) {
  const ref = { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" };
  const object = await given.kube.get<RealtimeClusterObject>(ref);
  if (object === undefined) throw new Error("no cluster");
  return parseCluster(object).cluster;
}

test("[ST6] counters alone wait for a second, anything else is written at once", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  const writer = new StatusWriter(given.kube, given.clock);
  await writer.write(await clusterOf(given), { replicas: 1, connections: 5, phase: "Pending" });
  await given.clock.advance(300);
  const deferred = await writer.write(await clusterOf(given), { replicas: 1, connections: 6, phase: "Pending" });
  expect(deferred).toEqual({ deferredMs: 700 });
  expect((await given.status()).connections).toBe(5);
  expect(await writer.write(await clusterOf(given), { replicas: 1, connections: 6, phase: "Ready" })).toEqual({
    deferredMs: 0,
  });
  expect(await given.status()).toMatchObject({ connections: 6, phase: "Ready" });
  await given.clock.advance(1_000);
  await writer.write(await clusterOf(given), { replicas: 1, connections: 7, phase: "Ready" });
  expect((await given.status()).connections).toBe(7);
});

test("[ST6] a pass reads its own last status while the watch still shows the one before", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  const writer = new StatusWriter(given.kube, given.clock);
  const stale = await clusterOf(given);
  await writer.write(stale, { replicas: 1, phase: "RollingOut" });
  expect(writer.latest(stale).status).toMatchObject({ phase: "RollingOut" });
  const fresh = await clusterOf(given);
  await given.kube.patch(
    { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" },
    { type: "merge", body: { status: { phase: "Ready" } } },
    "status",
  );
  expect(writer.latest(fresh).status).toMatchObject({ phase: "RollingOut" });
  expect(writer.latest(await clusterOf(given)).status).toMatchObject({ phase: "Ready" });
});

test("[ST6] an unchanged status is not written", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  const writer = new StatusWriter(given.kube, given.clock);
  await writer.write(await clusterOf(given), { replicas: 1 });
  const before = given.kube.calls.length;
  await writer.write(await clusterOf(given), { replicas: 1 });
  // One more call: our own read.
  expect(given.kube.calls.length - before).toBe(1);
});
