import { eventually, startGateway, type RedisServer, startRedis, TestClient } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { systemClock, systemRandom } from "../src/clock.ts";
import type { ClusterLimits } from "../src/limits/cluster-limits.ts";
import { memoryLimits } from "../src/limits/memory-limits.ts";
import { openRedisLimits } from "../src/limits/redis-limits.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** Tells nobody: what a node learns it reads. */
const deafBus = { tell: () => Promise.resolve(), on: () => undefined };

async function node(redis: RedisServer): Promise<ClusterLimits> {
  const runtime = { ...testRuntime(), clock: systemClock, random: systemRandom };
  const limits = openRedisLimits({
    ...runtime,
    url: redis.url,
    prefix: "b:",
    bus: deafBus,
    onQuotaCall: () => undefined,
  });
  onTestFinished(() => limits.close());
  await limits.start();
  return limits;
}

function client(redis: RedisServer): Redis {
  const opened = new Redis(redis.url);
  onTestFinished(() => opened.disconnect());
  return opened;
}

const ann = { user: "ann", address: "10.0.0.1" };
const nobody = { user: "", address: "10.0.0.1" };

test("[BN1] [BN4] a ban holds on the other node without a message, ends by itself and leaves Redis", async () => {
  const redis = await startRedis();
  const [here, there] = [await node(redis), await node(redis)];
  await here.bans.ban(ann, 3);
  expect(here.bans.isBanned(ann)).toBe(true);
  expect(here.bans.isBanned(nobody)).toBe(false);
  await eventually("the other node knows", 5_000, () => there.bans.isBanned(ann));
  await eventually("it is over", 10_000, () => !there.bans.isBanned(ann) && !here.bans.isBanned(ann));
  await here.bans.ban(nobody, 60);
  expect(await client(redis).zrange("b:{L}:bans", "0", "-1")).toEqual(["address 10.0.0.1"]);
  expect(await client(redis).zrange("b:{L}:ban-versions", "0", "-1")).toEqual(["address 10.0.0.1"]);
  expect(await client(redis).pttl("b:{L}:bans")).toBeGreaterThan(60_000);
});

test("[BN2] a node that starts later knows every ban, also where the versions were evicted alone", async () => {
  const redis = await startRedis();
  const first = await node(redis);
  await Promise.all(Array.from({ length: 1200 }, (_, n) => first.bans.ban({ user: `user ${n}`, address: "" }, 600)));
  const second = await node(redis);
  expect(second.bans.size).toBe(1200);
  await client(redis).del("b:{L}:ban-versions");
  const third = await node(redis);
  expect(third.bans.size).toBe(1200);
});

test("[BN3] a ban made while Redis is away, and one that Redis lost, are stored again", async () => {
  const redis = await startRedis();
  const here = await node(redis);
  await here.bans.ban(ann, 600);
  await redis.stop();
  await here.bans.ban(nobody, 600);
  expect(here.bans.isBanned(nobody)).toBe(true);
  await redis.start();
  await eventually("both are stored", 10_000, async () => (await client(redis).zcard("b:{L}:bans")) === 2);
  const there = await node(redis);
  expect([ann, nobody].map((who) => there.bans.isBanned(who))).toEqual([true, true]);
  await client(redis).flushall();
  await here.bans.ban({ user: "bob", address: "" }, 600);
  await eventually("bans after a loss are seen", 5_000, () => there.bans.isBanned({ user: "bob", address: "" }));
  expect(await client(redis).zcard("b:{L}:bans")).toBe(3);
});

test.each([[["bans"]], [["ban-versions"]], [["bans", "ban-versions"]]])(
  "[BN3] %j that Redis loses on an open connection are stored again without anything new",
  async (lost) => {
    const redis = await startRedis();
    const here = await node(redis);
    await here.bans.ban(ann, 600);
    await here.bans.ban(nobody, 600);
    await client(redis).del(...lost.map((name) => `b:{L}:${name}`));
    const late = await eventually("a node that comes knows them", 10_000, async () => {
      const fresh = await node(redis);
      return fresh.bans.isBanned(ann) && fresh.bans.isBanned(nobody) && fresh;
    });
    expect(late.bans.size).toBe(2);
  },
);

test("[BN4] there are at most 20,000 bans, and one node has its own in memory", async () => {
  const redis = await startRedis();
  const here = await node(redis);
  const soon = "address soon";
  await client(redis).zadd("b:{L}:bans", String(Date.now() + 100_000), soon);
  await client(redis).eval(
    "for n = 1, 20000 do redis.call('ZADD', KEYS[1], ARGV[1] + n, 'user ' .. n) end",
    1,
    "b:{L}:bans",
    Date.now() + 600_000,
  );
  await here.bans.ban(ann, 86_400);
  expect(await client(redis).zcard("b:{L}:bans")).toBe(20_000);
  expect(await client(redis).zscore("b:{L}:bans", soon)).toBeNull();
  const alone = memoryLimits(systemClock).bans;
  await alone.ban(ann, 60);
  expect([ann, nobody].map((who) => alone.isBanned(who))).toEqual([true, false]);
});

test("[LIM13] a gateway that starts after the ban keeps the address away too", async () => {
  const redis = await startRedis();
  const limits = { commandsPerSecond: 1, commandBurst: 1, banSeconds: 600 };
  const options = { redisUrl: redis.url, prefix: "later:", config: { limits } };
  await using one = await startGateway(options);
  await using banned = await TestClient.connect(one.url);
  banned.send(Array.from({ length: 300 }, (_, id) => `{"id":${id + 10},"ping":{}}`).join("\n"));
  expect((await banned.closed).code).toBe(3013);
  const watch = client(redis);
  await eventually("stored", 5_000, async () => (await watch.zcard("later:{L}:bans")) === 1);
  await using late = await startGateway(options);
  await using again = await TestClient.open(late.url);
  expect((await again.call({ connect: {} })).error?.code).toBe(111);
});
