import {
  BrokerUnavailableError,
  openRedisBroker,
  type Position,
  type RedisBrokerOptions,
} from "@belay/gateway/internal";
import { BrokerNode, eventually, startRedis } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import type { RedisDurability } from "../src/broker/redis-streams.ts";
import { recover } from "../src/hub/recovery.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { at, clientOf, type FailoverRig, openFailoverRig, onlineReplicas } from "./redis-failover.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const keys = new RedisKeys("t:");
const kept = { history: { size: 100_000, ttlMs: 60_000 } };

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
  // A node that publishes again does not mean that the others have found the new primary.
  const history = await eventually("read", 15_000, () =>
    broker.history({ channel: "chat", since }).catch((error: unknown) => {
      if (!(error instanceof BrokerUnavailableError)) throw error;
      return undefined;
    }),
  );
  return recover(history, since).recovered;
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

/** Publishes until a failover to the replica is proved: on a busy machine it may have been asked too late for the first one. */
async function replicaCounts({ replicas, client }: FailoverRig, node: BrokerNode): Promise<void> {
  const replica = client(at(replicas, 0));
  const runId = /run_id:(\w+)/.exec(await replica.info("server"))?.[1] ?? "";
  await eventually("the replica counts", 10_000, async () => {
    await publishOnceBack(node, "is it there?");
    return (await replica.hget(keys.partitionTerm("chat"), "s"))?.includes(runId) === true;
  });
}

const replicated: Partial<RedisBrokerOptions> = { durability: () => "replicated" };

test("[FN4] replicated: nobody sees a publication before the replicas have it, and its publisher hears of nothing else", async () => {
  const rig = await openFailoverRig();
  const [here, there] = [await openNode(rig.url, replicated), await openNode(rig.url, replicated)];
  await there.broker.subscribe("chat");
  const first = await publish(here, "on both");
  await replicaCounts(rig, here);
  await eventually("delivered", 5_000, () => there.texts("chat").length > 1);
  const before = there.texts("chat");
  rig.lag(0);
  await expect(publish(here, "only on the primary")).rejects.toBeInstanceOf(BrokerUnavailableError);
  await expect(there.broker.history({ channel: "chat" })).rejects.toBeInstanceOf(BrokerUnavailableError);
  expect(there.texts("chat")).toEqual(before);
  await rig.failOver(0);
  expect(await publishOnceBack(here, "after")).toEqual({ offset: before.length + 1, epoch: first.epoch });
  expect(await isRecovered(there, first)).toBe(true);
});

test("[FN5] replicated: a failover under traffic loses nothing that was acknowledged, in the same epochs", async () => {
  const rig = await openFailoverRig();
  const [here, there] = [await openNode(rig.url, replicated), await openNode(rig.url, replicated)];
  await there.broker.subscribe("chat");
  const acknowledged = new Map<string, Position>();
  const start = await publishOnceBack(here, "start");
  await replicaCounts(rig, here);
  const end = new AbortController();
  const publishing = Array.from({ length: 8 }, async (_, publisher) => {
    for (let count = 0; !end.signal.aborted; count += 1) {
      const text = `${publisher}:${count}`;
      await publish(here, text).then(
        (position) => acknowledged.set(text, position),
        () => new Promise((resolve) => setTimeout(resolve, 20)),
      );
    }
  });
  await eventually("traffic", 10_000, () => acknowledged.size > 200);
  await rig.failOver(0);
  const before = acknowledged.size;
  await eventually("traffic again", 15_000, () => acknowledged.size > before + 200);
  end.abort();
  await Promise.all(publishing);
  expect(new Set([...acknowledged.values()].map(({ epoch }) => epoch))).toEqual(new Set([start.epoch]));
  const { publications, position } = await there.broker.history({ channel: "chat", since: start });
  const stored = new Map(publications.map(({ data, offset }) => [data.toString(), offset]));
  for (const [text, { offset }] of acknowledged) expect(stored.get(text)).toBe(offset);
  expect(publications.map(({ offset }) => offset)).toEqual(
    Array.from({ length: position.offset - start.offset }, (_, index) => start.offset + 1 + index),
  );
  // What it heard before and after is in the history, in order; what came while it was cut is the gap that its room fills.
  for (const heard of there.of("chat").slice(1)) expect(stored.get(heard.data.toString())).toBe(heard.offset);
});

test("[FN4] replicated: a publication that was lost while it waited is not acknowledged, and who reads on is told", async () => {
  const rig = await openFailoverRig();
  const node = await openNode(rig.url, replicated);
  await replicaCounts(rig, node);
  const before = await publish(node, "before");
  const [replica, client] = [at(rig.replicas, 0), rig.client(rig.primary)];
  // Whether the oldest of what waits is gone, or all of it, or only that which came first.
  for (const lose of [() => client.del(keys.awaited("chat")), () => client.xtrim(keys.awaited("chat"), "MAXLEN", 1)]) {
    const { epoch } = await publish(node, "kept");
    replica.pause();
    const waiting = Promise.allSettled([publish(node, "a"), publish(node, "b")]);
    await eventually("they wait", 5_000, async () => (await client.xlen(keys.awaited("chat"))) === 2);
    await lose();
    replica.resume();
    const [first] = await waiting;
    expect(first?.status === "rejected" && first.reason).toBeInstanceOf(BrokerUnavailableError);
    const after = await publishOnceBack(node, "after");
    expect(after.epoch).not.toBe(epoch);
    expect(await isRecovered(node, { offset: before.offset, epoch })).toBe(false);
  }
});

test("[FN14] replicated: a replica that pauses for a moment costs no epoch, one that hangs is left out", async () => {
  const rig = await openFailoverRig();
  let late = 0;
  const node = await openNode(rig.url, {
    ...replicated,
    onReplicaRound: (outcome) => void (late += outcome === "late" ? 1 : 0),
  });
  await replicaCounts(rig, node);
  const { epoch } = await publish(node, "before");
  const before = late;
  const replica = at(rig.replicas, 0);
  replica.pause();
  const waiting = publish(node, "while it pauses").catch(() => undefined);
  await eventually("it is late", 5_000, () => late > before);
  replica.resume();
  await waiting;
  expect((await publishOnceBack(node, "after")).epoch).toBe(epoch);
  replica.pause();
  const without = await publishOnceBack(node, "without it");
  replica.resume();
  expect(without.epoch).not.toBe(epoch);
});

test("[FN6] the setting acts at once; nodes of both kinds side by side keep one order", async () => {
  const rig = await openFailoverRig();
  let durability: RedisDurability = "fast";
  const [here, there] = [
    await openNode(rig.url, { durability: () => durability }),
    await openNode(rig.url, replicated),
  ];
  await there.broker.subscribe("chat");
  const fast = await publish(here, "fast");
  durability = "replicated";
  const both = await publish(here, "replicated");
  // What nobody waited for proves nothing.
  expect(both.epoch).not.toBe(fast.epoch);
  durability = "fast";
  const again = await publish(here, "fast again");
  expect(again.epoch).not.toBe(both.epoch);
  await Promise.all(
    Array.from({ length: 100 }, (_, index) => publish(index % 2 === 0 ? here : there, `both ${index}`)),
  );
  await eventually(
    "delivered",
    5_000,
    () => there.of("chat").filter(({ position }) => position.epoch === again.epoch).length === 101,
  );
  expect(
    there
      .of("chat")
      .slice(-101)
      .map(({ offset }) => offset),
  ).toEqual(Array.from({ length: 101 }, (_, index) => index + 1));
});
