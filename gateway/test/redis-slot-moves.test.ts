import { openRedisBroker } from "@belay/gateway/internal";
import {
  BrokerNode,
  eventually,
  type RedisCluster,
  type RedisServer,
  startGateway,
  startRedisCluster,
} from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { keySlot } from "../src/redis/key-slot.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { CheckedTraffic } from "./checked-traffic.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const CHANNELS = ["a", "b", "c", "d", "e", "f"];
const KEPT = { size: 100, ttlMs: 60_000 };

/** The pub/sub name of a channel, which is in the slot of its keys. */
function nameOf(channel: string, prefix = ""): string {
  return new RedisKeys(prefix).publications(channel);
}

/** Gateways that have a connection for commands to this server. */
async function publishersAt(cluster: RedisCluster, server: RedisServer): Promise<number> {
  const clients = await cluster.call(server, "CLIENT", "LIST");
  return [...clients.matchAll(/name=belay-publisher /g)].length;
}

async function knowsEverybody(cluster: RedisCluster, server: RedisServer, gateways: number): Promise<void> {
  await eventually("gateways know the node", 10_000, async () => (await publishersAt(cluster, server)) === gateways);
}

async function openNode(cluster: RedisCluster, nodeId: string, runtime = testRuntime()): Promise<BrokerNode> {
  const node = new BrokerNode(openRedisBroker({ url: clusterTopology(cluster), prefix: "t:", nodeId, ...runtime }));
  onTestFinished(() => node.broker.close());
  await node.start();
  await eventually("connected", 10_000, () => node.broker.connected);
  return node;
}

/** As a publisher that tries again. */
async function publish(node: BrokerNode, channel: string, data: string): Promise<{ offset: number; epoch: string }> {
  let position = { offset: 0, epoch: "" };
  await eventually("published", 10_000, async () => {
    ({ position } = await node.broker.publish({ channel, data: Buffer.from(data), history: KEPT }));
    return true;
  });
  return position;
}

test("[TP8] slots that move to a node that was added, back, and there again, under traffic: nobody is told anything, nothing is lost, doubled or out of order", async () => {
  const cluster = await startRedisCluster();
  const config = {
    broker: { type: "redis", mode: "cluster", nodes: cluster.nodes.slice(0, 2) },
    channels: { unprefixed: { history: { size: 1_000, ttlSeconds: 60 } } },
  } as const;
  const gateways = [await startGateway({ config }), await startGateway({ config })];
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const traffic = await CheckedTraffic.start(gateways, CHANNELS);
  const added = await cluster.addMaster();
  await knowsEverybody(cluster, added, gateways.length);
  const known = traffic.mark();
  await eventually("flow", 10_000, () => traffic.flows(known));
  const former = new Map<string, RedisServer>();
  for (const channel of CHANNELS) former.set(channel, await cluster.ownerOf(nameOf(channel)));
  for (const channel of CHANNELS) await cluster.move(nameOf(channel), added);
  const moved = traffic.mark();
  await eventually("flow through the new node", 20_000, () => traffic.flows(moved));
  for (const channel of CHANNELS.slice(0, 3)) await cluster.move(nameOf(channel), former.get(channel) ?? added);
  const back = traffic.mark();
  await eventually("flow through the former ones", 20_000, () => traffic.flows(back));
  for (const channel of CHANNELS.slice(0, 3)) await cluster.move(nameOf(channel), added);
  const again = traffic.mark();
  await eventually("flow through the new node again", 20_000, () => traffic.flows(again));
  await traffic.stop();
  await eventually("everybody is at the end", 10_000, () => traffic.isSettled);
  console.log(`${traffic.delivered} delivered, ${traffic.errors} refused, slowest ${Math.round(traffic.slowestMs)} ms`);
  traffic.check();
  expect(traffic.told).toBe(0);
}, 90_000);

test("[TP8] positions, idempotency keys and versions go on where a slot has moved, also for a node that came later", async () => {
  const cluster = await startRedisCluster();
  const added = await cluster.addMaster();
  const node = await openNode(cluster, "n");
  await knowsEverybody(cluster, added, 1);
  const request = { channel: "chat", data: Buffer.from("0"), history: KEPT };
  const keyed = { ...request, idempotency: { key: "once", ttlMs: 60_000 }, version: { number: 5, epoch: "v" } };
  const first = await node.broker.publish(keyed);
  await cluster.move(nameOf("chat", "t:"), added);
  const late = await openNode(cluster, "late");
  const position = await publish(late, "chat", "1");
  expect(position).toEqual({ offset: 2, epoch: first.position.epoch });
  expect(await node.broker.publish(keyed)).toEqual({ position: first.position, suppressed: "duplicate" });
  const older = { ...request, version: { number: 4, epoch: "v" } };
  expect(await node.broker.publish(older)).toMatchObject({ suppressed: "outdated" });
  const { publications } = await late.broker.history({ channel: "chat" });
  expect(publications.map(({ data }) => data.toString())).toEqual(["0", "1"]);
}, 60_000);

test("[TP9] a node that loses what was published after a slot came to it ends the epochs", async () => {
  const cluster = await startRedisCluster();
  const added = await cluster.addMaster();
  const runtime = testRuntime();
  const node = await openNode(cluster, "n", runtime);
  await knowsEverybody(cluster, added, 1);
  const first = await publish(node, "chat", "before");
  const name = nameOf("chat", "t:");
  const [slot, from] = [keySlot(name), await cluster.ownerOf(name)];
  await cluster.beginMigration(slot, from, added);
  await cluster.moveKeys(slot, from, added);
  // The file has the channel as the former owner left it.
  await cluster.call(added, "SAVE");
  await cluster.endMigration(slot, from, added);
  const second = await publish(node, "chat", "forgotten");
  expect(second).toEqual({ offset: 2, epoch: first.epoch });
  expect(runtime.lines.join("\n")).toContain("its epochs go on");
  expect(runtime.lines.join("\n")).not.toContain("its epochs end");
  await added.kill();
  await added.start();
  const third = await publish(node, "chat", "after");
  expect(third.epoch).not.toBe(first.epoch);
  expect(third.offset).toBe(1);
  expect(runtime.lines.join("\n")).toContain("its epochs end");
}, 60_000);

test("[TP9] so does one that loses everything while the slot is on its way to it", async () => {
  const cluster = await startRedisCluster();
  const node = await openNode(cluster, "n");
  const first = await publish(node, "chat", "before");
  const added = await cluster.addMaster();
  await knowsEverybody(cluster, added, 1);
  const name = nameOf("chat", "t:");
  const [slot, from] = [keySlot(name), await cluster.ownerOf(name)];
  await cluster.beginMigration(slot, from, added);
  await cluster.moveKeys(slot, from, added);
  const second = await publish(node, "chat", "on its way");
  expect(second).toEqual({ offset: 2, epoch: first.epoch });
  await added.kill();
  await added.start();
  await cluster.endMigration(slot, from, added);
  const third = await publish(node, "chat", "after");
  expect(third.epoch).not.toBe(first.epoch);
}, 60_000);
