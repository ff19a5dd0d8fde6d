import { openRedisBroker } from "@belay/gateway/internal";
import { BrokerNode, eventually, type RedisCluster, startGateway, startRedisCluster } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { keySlot } from "../src/redis/key-slot.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { CheckedTraffic } from "./checked-traffic.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const CHANNELS = ["a", "b", "c", "d", "e", "f"];

async function startTraffic(cluster: RedisCluster): Promise<CheckedTraffic> {
  const config = {
    broker: { type: "redis", mode: "cluster", nodes: cluster.nodes.slice(0, 2) },
    channels: { unprefixed: { history: { size: 1_000, ttlSeconds: 60 } } },
  } as const;
  const gateways = [await startGateway({ config }), await startGateway({ config })];
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const traffic = await CheckedTraffic.start(gateways, CHANNELS);
  const begun = traffic.mark();
  await eventually("flow", 10_000, () => traffic.flows(begun));
  return traffic;
}

async function finish(traffic: CheckedTraffic): Promise<void> {
  const mark = traffic.mark();
  await eventually("flow again", 20_000, () => traffic.flows(mark)).catch((error: unknown) => {
    console.log(traffic.state);
    throw error;
  });
  await traffic.stop();
  await eventually("everybody is at the end", 10_000, () => traffic.isSettled);
  console.log(
    `${traffic.errors} publishes refused, the slowest answer ${Math.round(traffic.slowestMs)} ms, ${traffic.told} times told`,
  );
  traffic.check();
}

test("[TP5] a primary of a cluster is killed under traffic: no socket closes, temporary errors only, nothing is lost unsaid", async () => {
  const cluster = await startRedisCluster({ replicas: 1 });
  const traffic = await startTraffic(cluster);
  const channel = new RedisKeys("").publications("a");
  const former = await cluster.ownerOf(channel);
  await former.kill();
  await eventually("errors", 5_000, () => traffic.errors > 0);
  await eventually("a replica took over", 20_000, async () => (await cluster.ownerOf(channel)) !== former);
  await finish(traffic);
  expect(traffic.slowestMs).toBeLessThan(5_000);
}, 90_000);

test("[TP6] slots move to a node that was added, under traffic: no socket closes, nothing is lost unsaid", async () => {
  const cluster = await startRedisCluster();
  const traffic = await startTraffic(cluster);
  const added = await cluster.addMaster();
  for (const channel of CHANNELS.slice(0, 3)) {
    const name = new RedisKeys("").publications(channel);
    await cluster.move(name, added);
    expect(await cluster.ownerOf(name)).toBe(added);
  }
  await finish(traffic);
}, 90_000);

test("[TP7] a publication made where its slot is on its way to is heard where the subscribers still are", async () => {
  const cluster = await startRedisCluster();
  const added = await cluster.addMaster();
  const node = new BrokerNode(
    openRedisBroker({ url: clusterTopology(cluster), prefix: "t:", nodeId: "n", ...testRuntime() }),
  );
  onTestFinished(() => node.broker.close());
  await node.start();
  await eventually("connected", 10_000, () => node.broker.connected);
  await node.broker.subscribe("chat");
  const request = { channel: "chat", history: { size: 10, ttlMs: 60_000 } };
  await node.broker.publish({ ...request, data: Buffer.from("0") });
  const name = new RedisKeys("t:").publications("chat");
  const slot = keySlot(name);
  const from = await cluster.ownerOf(name);
  await cluster.beginMigration(slot, from, added);
  await cluster.moveKeys(slot, from, added);
  const published = ["0"];
  for (let count = 1; count <= 10; count += 1) {
    // The first command to a server that nothing was sent to yet fails: it is not connected.
    await eventually("published", 5_000, async () => {
      await node.broker.publish({ ...request, data: Buffer.from(String(count)) });
      return true;
    });
    published.push(String(count));
  }
  await eventually("heard", 5_000, () => new Set(node.texts("chat")).size === published.length);
  expect([...new Set(node.texts("chat"))]).toEqual(published);
  expect(node.connected).toEqual([true]);
  await cluster.endMigration(slot, from, added);
  await eventually("the gap is told", 10_000, () => node.connected.includes(false) && node.broker.connected);
  await node.broker.publish({ ...request, data: Buffer.from("last") });
  await eventually("heard at the new owner", 5_000, () => node.texts("chat").includes("last"));
}, 60_000);
