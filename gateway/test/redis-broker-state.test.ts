import {
  type History,
  openRedisBroker,
  type Position,
  type RedisBrokerOptions,
  type StoredPublication,
} from "@belay/gateway/internal";
import { BrokerNode, eventually, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { recover } from "../src/hub/recovery.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const keys = new RedisKeys("t:");
const kept = { channel: "chat", history: { size: 100, ttlMs: 60_000 } };

interface Rig {
  readonly node: BrokerNode;
  readonly client: Redis;
}

async function openRig(options: Partial<RedisBrokerOptions> = {}): Promise<Rig> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const broker = openRedisBroker({ url: redis.url, prefix: "t:", nodeId: "n", ...testRuntime(), ...options });
  onTestFinished(() => broker.close());
  return { node: await new BrokerNode(broker).start(), client };
}

async function publishSome({ broker }: BrokerNode, count: number): Promise<Position> {
  for (let index = 0; index < count; index += 1) await broker.publish({ ...kept, data: Buffer.from(`m${index}`) });
  return (await broker.history({ channel: "chat", limit: 0 })).position;
}

const offsets = ({ publications }: { readonly publications: readonly StoredPublication[] }): readonly number[] =>
  publications.map(({ offset }) => offset);

test.for<readonly [string, (client: Redis) => Promise<unknown>]>([
  ["everything is flushed", (client) => client.flushall()],
  ["the meta is evicted alone", (client) => client.del(keys.channelMeta("chat"))],
  ["the term is evicted alone", (client) => client.del(keys.partitionTerm("chat"))],
  ["the meta lost its offset", (client) => client.hdel(keys.channelMeta("chat"), "o")],
])(
  "[BR28] %s: a new epoch, never with anything old in it, whether it is first read or published to",
  async ([, lose]) => {
    for (const first of ["read", "publish"]) {
      const { node, client } = await openRig();
      const before = await publishSome(node, 9);
      const idempotent = { ...kept, data: Buffer.from("once"), idempotency: { key: "k", ttlMs: 60_000 } };
      await node.broker.publish(idempotent);
      await lose(client);
      if (first === "publish") await node.broker.publish(idempotent);
      const history: History = await node.broker.history({ channel: "chat", since: before });
      expect(history.position.epoch).not.toBe(before.epoch);
      expect(recover(history, before)).toEqual({ recovered: false, publications: [] });
      const all = await node.broker.history({ channel: "chat" });
      expect(offsets(all)).toEqual(first === "publish" ? [1] : []);
      await node.broker.publish({ ...kept, data: Buffer.from("next") });
      const next = await node.broker.history({ channel: "chat", since: all.position });
      expect(recover(next, all.position)).toMatchObject({
        recovered: true,
        publications: [{ data: Buffer.from("next") }],
      });
    }
  },
);

test("[BR28] the stream is evicted alone: the epoch lives, and who missed something is told", async () => {
  const { node, client } = await openRig();
  const top = await publishSome(node, 5);
  await client.del(keys.stream("chat"));
  expect(await node.broker.history({ channel: "chat", since: top })).toEqual({ position: top, publications: [] });
  const newest = await publishSome(node, 2);
  expect(newest).toEqual({ offset: 7, epoch: top.epoch });
  const behind = { offset: 3, epoch: top.epoch };
  expect(recover(await node.broker.history({ channel: "chat", since: behind }), behind).recovered).toBe(false);
  expect(offsets(recover(await node.broker.history({ channel: "chat", since: top }), top))).toEqual([6, 7]);
});

test("[BR28] entries of another epoch, or that no node of ours wrote, are not read", async () => {
  let malformed = 0;
  const { node, client } = await openRig({ onMalformed: () => (malformed += 1) });
  await publishSome(node, 2);
  await client.xadd(keys.stream("chat"), "3-0", "p", "3:elsewhere:1:0:0,0:foreign");
  await client.xadd(keys.stream("chat"), "4-0", "p", "garbage");
  expect(offsets(await node.broker.history({ channel: "chat" }))).toEqual([1, 2]);
  expect(malformed).toBe(1);
});

test("[BR18] keys live as long as documented, the place at least as long as what hangs on it", async () => {
  const { node, client } = await openRig({ timing: { metaTtlMs: 10_000 } });
  const lives = async (key: string): Promise<number> => Math.ceil((await client.pttl(key)) / 1_000);
  const { broker } = node;
  await broker.history({ channel: "chat" });
  expect(await lives(keys.channelMeta("chat"))).toBe(10);
  await broker.publish({ channel: "chat", data: Buffer.from("x"), history: { size: 1, ttlMs: 20_000 } });
  expect([await lives(keys.channelMeta("chat")), await lives(keys.stream("chat"))]).toEqual([20, 20]);
  await broker.publish({ channel: "chat", data: Buffer.from("x"), idempotency: { key: "k", ttlMs: 30_000 } });
  expect([await lives(keys.channelMeta("chat")), await lives(keys.idempotency("chat", "k"))]).toEqual([30, 30]);
  await broker.publish({ channel: "chat", data: Buffer.from("x"), history: { size: 1, ttlMs: 5_000 } });
  expect([await lives(keys.channelMeta("chat")), await lives(keys.stream("chat"))]).toEqual([30, 5]);
  await broker.addPresence("chat", { client: "c", user: "u", info: Buffer.alloc(0) }, 7_000);
  await broker.addPresence("chat", { client: "d", user: "u", info: Buffer.alloc(0) }, 3_000);
  for (const key of keys.presence("chat")) expect(await lives(key)).toBe(7);
});

test("[BR17] a channel that is read now and then keeps its epoch", async () => {
  const { node } = await openRig({ timing: { metaTtlMs: 400 } });
  const { position } = await node.broker.history({ channel: "chat" });
  const startedMs = performance.now();
  await eventually("longer than the time without reading", 3_000, async () => {
    expect((await node.broker.history({ channel: "chat", limit: 0 })).position).toEqual(position);
    return performance.now() - startedMs > 900;
  });
});

test("[BR24] presence that lost one of its keys comes back with the next refreshes, and the counts are right", async () => {
  const { node, client } = await openRig();
  for (const key of keys.presence("chat")) {
    await addThree(node);
    expect(await client.del(key)).toBe(1);
    await addThree(node);
    expect(await node.broker.presenceStats("chat")).toEqual({ clients: 3, users: 2 });
    expect(await node.broker.presence("chat")).toHaveLength(3);
  }
});

test("[BR25] 100,000 members: counted at once, listed in pages of a few milliseconds of Redis", async () => {
  const { node, client } = await openRig();
  const [members, expiries, users] = keys.presence("big");
  const fill = `
for i = 1, 100000 do
  local user = 'user' .. i % 40000
  redis.call('HSET', KEYS[1], 'client' .. i, ARGV[1] .. ':' .. #user .. ':0::' .. user .. '{"user":"' .. user .. '"}')
  redis.call('ZADD', KEYS[2], ARGV[1], 'client' .. i)
  redis.call('HINCRBY', KEYS[3], user, 1)
end`;
  await client.eval(fill, 3, members, expiries, users, 9_000_000_000_000);
  await client.config("RESETSTAT");
  const startedMs = performance.now();
  for (let round = 0; round < 100; round += 1)
    expect(await node.broker.presenceStats("big")).toEqual({ clients: 100_000, users: 40_000 });
  const perCountMs = (performance.now() - startedMs) / 100;
  const listed = await node.broker.presence("big");
  expect(new Set(listed.map((member) => member.client)).size).toBe(100_000);
  const slowest = await slowestMs(client);
  console.log(`a count ${perCountMs.toFixed(2)} ms; the slowest command ${slowest} ms`);
  expect(perCountMs).toBeLessThan(20);
  expect(slowest).toBeLessThan(30);
});

test("[BR25] 5,000 members that expire at once are removed in pieces; nobody expired is ever listed or counted as a client", async () => {
  const { node, client } = await openRig();
  const add = (name: string, ttlMs: number): Promise<void> =>
    node.broker.addPresence("chat", { client: name, user: name, info: Buffer.from("{}") }, ttlMs);
  await Promise.all(Array.from({ length: 5_000 }, (_, index) => add(`c${index}`, 600)));
  await add("stays", 60_000);
  const [members, expiries] = keys.presence("chat");
  await eventually(
    "expired",
    3_000,
    async () => (await client.zcount(expiries, "-inf", await redisTimeMs(client))) === 5_000,
  );
  expect((await node.broker.presenceStats("chat")).clients).toBe(1);
  expect(await client.hlen(members)).toBeGreaterThan(4_000);
  expect((await node.broker.presence("chat")).map((member) => member.client)).toEqual(["stays"]);
  await eventually("all removed", 3_000, async () => (await node.broker.presenceStats("chat")).users === 1);
  expect(await client.hlen(members)).toBe(1);
});

async function addThree({ broker }: BrokerNode): Promise<void> {
  for (const [client, user] of [
    ["c1", "ann"],
    ["c2", "ann"],
    ["c3", "bob"],
  ] as const)
    await broker.addPresence("chat", { client, user, info: Buffer.from("{}") }, 60_000);
}

async function redisTimeMs(client: Redis): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** Longest mean of any command since the last reset, in milliseconds. */
async function slowestMs(client: Redis): Promise<number> {
  const stats = await client.info("commandstats");
  return Math.max(...[...stats.matchAll(/usec_per_call=([\d.]+)/g)].map(([, micros]) => Number(micros) / 1_000));
}
