import {
  BrokerUnavailableError,
  openRedisBroker,
  type Position,
  type RedisBrokerOptions,
} from "@belay/gateway/internal";
import { BrokerNode, eventually, startRedis } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { recover } from "../src/hub/recovery.ts";
import { at, clientOf, openFailoverRig, onlineReplicas } from "./redis-failover.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const kept = { history: { size: 1_000, ttlMs: 60_000 } };

async function openNode(url: string, options: Partial<RedisBrokerOptions> = {}): Promise<BrokerNode> {
  const node = new BrokerNode(openRedisBroker({ url, prefix: "t:", nodeId: "n", ...testRuntime(), ...options }));
  onTestFinished(() => node.broker.close());
  return node.start();
}

async function publish({ broker }: BrokerNode, text: string): Promise<Position> {
  const { position } = await broker.publish({ ...kept, channel: "chat", data: Buffer.from(text) });
  return position;
}

/** Publishes until it is accepted; only temporary errors come before that. */
async function publishOnceBack(node: BrokerNode, text: string): Promise<Position> {
  let position: Position | undefined;
  await eventually("published", 15_000, async () => {
    position = await publish(node, text).catch((error: unknown) => {
      if (!(error instanceof BrokerUnavailableError)) throw error;
      return undefined;
    });
    return position !== undefined;
  });
  if (position === undefined) throw new Error("published and no position");
  return position;
}

/** Whether a client that stands there would be told that it has everything. */
async function isRecovered({ broker }: BrokerNode, since: Position): Promise<boolean> {
  return recover(await broker.history({ channel: "chat", since }), since).recovered;
}

test("[FN1] a primary that was a replica in between makes new epochs, though it is the same process on the same connection", async () => {
  const primary = await startRedis();
  const other = await startRedis();
  const [here, there] = [clientOf(primary), clientOf(other)];
  for (const client of [here, there]) await client.config("SET", "repl-diskless-sync-delay", "0");
  await there.replicaof("127.0.0.1", primary.port);
  await eventually("in sync", 10_000, async () => (await onlineReplicas(primary)) === 1);
  const node = await openNode(primary.url);
  const known = await publish(node, "on both");
  await eventually("replicated", 5_000, async () => (await there.dbsize()) > 0);
  await there.replicaof("NO", "ONE");
  const lost = await publish(node, "lost");
  expect(lost).toEqual({ offset: 2, epoch: known.epoch });
  await here.replicaof("127.0.0.1", other.port);
  await eventually("it follows", 10_000, async () => (await onlineReplicas(other)) === 1);
  await here.replicaof("NO", "ONE");
  await eventually("it publishes", 10_000, async () => (await publishOnceBack(node, "other")).epoch !== known.epoch);
  expect(node.connected).not.toContain(false);
  expect(await isRecovered(node, known)).toBe(false);
  expect(await isRecovered(node, lost)).toBe(false);
});

test("[FN2] fast: after a failover to a replica that lags by acknowledged publications nobody is told that he has everything", async () => {
  const rig = await openFailoverRig();
  const [here, there] = [await openNode(rig.url), await openNode(rig.url)];
  await there.broker.subscribe("chat");
  const early = await publish(here, "replicated");
  await eventually("replicated", 5_000, async () => (await clientOf(at(rig.replicas, 0)).dbsize()) > 0);
  rig.lag(0);
  let seen = early;
  for (let index = 0; index < 20; index += 1) seen = await publish(here, `only on the primary ${index}`);
  await eventually("delivered", 5_000, () => there.texts("chat").length === 21);
  await rig.failOver(0);
  const first = await publishOnceBack(here, "after");
  expect(first).toMatchObject({ offset: 1 });
  for (let index = 0; index < 30; index += 1) await publish(here, `after ${index}`);
  for (const since of [early, seen, { offset: 0, epoch: early.epoch }])
    expect(await isRecovered(there, since)).toBe(false);
  expect(await isRecovered(there, first)).toBe(true);
  await eventually("delivered again", 5_000, () => there.texts("chat").includes("after 29"));
});

test("[FN3] a Redis that may evict keys is told, until it may not any more", async () => {
  const redis = await startRedis();
  const client = clientOf(redis);
  const { broker } = await openNode(redis.url);
  expect(broker.evictionRisk).toBeUndefined();
  await client.config("SET", "maxmemory-policy", "allkeys-lru");
  await client.config("SET", "maxmemory", "64mb");
  await eventually("told", 5_000, () => broker.evictionRisk === "maxmemory-policy is allkeys-lru, 0 keys were evicted");
  await client.config("SET", "maxmemory", "2mb");
  const value = "x".repeat(100_000);
  for (let index = 0; index < 50; index += 1) await client.set(`k${index}`, value);
  await eventually("counted", 5_000, () => /, [1-9]\d* keys were evicted/.test(broker.evictionRisk ?? ""));
  await client.config("SET", "maxmemory-policy", "noeviction");
  await eventually("untold", 5_000, () => broker.evictionRisk === undefined);
});
