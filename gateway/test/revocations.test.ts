import { BrokerUnavailableError } from "@belay/gateway/internal";
import { eventually, type RedisServer, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Revocation, Revocations } from "../src/auth/verifier.ts";
import { type Clock, systemClock } from "../src/clock.ts";
import type { NodeBus } from "../src/node/node-bus.ts";
import { openRedisRevocations } from "../src/revocations/redis-revocations.ts";
import { testRuntime } from "./redis-test-runtime.ts";

let server: RedisServer;
beforeAll(async () => (server = await startRedis()));
afterAll(() => server[Symbol.asyncDispose]());
const open: Revocations[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

/** Carries messages between the nodes of one test, or loses them. */
class TestBus {
  readonly #listeners: (() => unknown)[] = [];
  isLossy = false;

  readonly end: Pick<NodeBus, "tell" | "on"> = {
    tell: async () => {
      if (!this.isLossy) for (const listener of this.#listeners) listener();
    },
    on: (_kind, listener) => void this.#listeners.push(() => listener({}, "test")),
  };
}

let prefixes = 0;
const newPrefix = (): string => `rv${(prefixes += 1)}:`;

interface NodeOptions {
  readonly redis?: RedisServer;
  readonly prefix: string;
  readonly bus?: TestBus;
  readonly clock?: Clock;
}

function node({
  redis = server,
  prefix,
  bus = new TestBus(),
  clock = systemClock,
}: NodeOptions): Revocations & { readonly seen: Revocation[] } {
  const revocations = openRedisRevocations({ ...testRuntime(), clock, url: redis.url, prefix, bus: bus.end });
  const seen: Revocation[] = [];
  revocations.onRevocation((revocation) => void seen.push(revocation));
  open.push(revocations);
  return Object.assign(revocations, { seen });
}

const nowSeconds = (): number => Date.now() / 1000;
const inAnHour = (): number => Math.round(nowSeconds()) + 3600;
const ann = (issuedAt = nowSeconds() - 10): { user: string; issuedAt: number; tokenId: string } => ({
  user: "ann",
  issuedAt,
  tokenId: "t1",
});

test("[RV2] every node knows within 2 s, by message at once, and without one by its next look", async () => {
  const prefix = newPrefix();
  const bus = new TestBus();
  const [one, two] = [node({ prefix, bus }), node({ prefix, bus })];
  await Promise.all([one.start(), two.start()]);
  await one.add({ user: "ann", until: inAnHour() });
  await eventually("told", 300, async () => two.judge(ann()));
  bus.isLossy = true;
  const startMs = performance.now();
  await one.add({ user: "bob", isBlock: true, until: inAnHour() });
  await eventually("looked", 2000, async () => two.judge({ user: "bob" }));
  expect(performance.now() - startMs).toBeLessThan(2000);
  expect(two.seen.map(({ user }) => user)).toEqual(["ann", "bob"]);
});

test("[RV3] a node that cannot read the list says so, and is ready when it has", async () => {
  const redis = await startRedis();
  await redis.stop();
  const late = node({ redis, prefix: newPrefix() });
  await late.start();
  expect(late.isLoaded).toBe(false);
  await expect(late.add({ user: "ann", until: inAnHour() })).rejects.toThrow(BrokerUnavailableError);
  await expect(late.unblock("ann")).rejects.toThrow(BrokerUnavailableError);
  expect(late.judge(ann())).toBeUndefined();
  await redis.start();
  await eventually("loaded", 5000, async () => late.isLoaded || undefined);
});

test("[RV4] a Redis that lost everything is told again, blocks that were lifted stay lifted", async () => {
  const redis = await startRedis();
  const prefix = newPrefix();
  const [one, two] = [node({ redis, prefix }), node({ redis, prefix })];
  await Promise.all([one.start(), two.start()]);
  const until = inAnHour();
  await one.add({ user: "ann", until });
  await one.add({ user: "bob", isBlock: true, until });
  await eventually("two knows", 3000, async () => two.judge({ user: "bob" }));
  await one.unblock("bob");
  await redis.kill();
  await redis.start();
  await eventually("two hears of it", 5000, async () => (two.judge({ user: "bob" }) === undefined ? true : undefined));
  expect([one, two].map((each) => each.judge(ann()))).toEqual(["revoked", "revoked"]);
  const fresh = node({ redis, prefix });
  await fresh.start();
  await eventually("a new node knows", 3000, async () => fresh.judge(ann()));
  expect(fresh.judge({ user: "bob" })).toBeUndefined();
});

test("[RV4] a Redis that lost only the latest ones is told those again", async () => {
  const redis = await startRedis();
  const prefix = newPrefix();
  const one = node({ redis, prefix });
  await one.start();
  const until = inAnHour();
  await one.add({ tokenId: "old", until });
  const client = new Redis(redis.url);
  const [hash, versions] = [`${prefix}{L}:revocations`, `${prefix}{L}:revocation-versions`];
  const [hashDump, versionsDump] = await Promise.all([client.dumpBuffer(hash), client.dumpBuffer(versions)]);
  await one.add({ tokenId: "latest", until });
  // As a replica that was behind: the same epoch, an older version; then connections move to it.
  await client.restore(hash, 0, hashDump, "REPLACE");
  await client.restore(versions, 0, versionsDump, "REPLACE");
  await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  const fresh = node({ redis, prefix });
  await fresh.start();
  await eventually("told again", 5000, async () => fresh.judge({ user: "x", tokenId: "latest" }));
  expect(fresh.judge({ user: "x", tokenId: "old" })).toBe("revoked");
  client.disconnect();
});

test.each(["revocations", "revocation-versions"])("[RV4] a Redis that evicted %s alone is mended", async (evicted) => {
  const prefix = newPrefix();
  const one = node({ prefix });
  await one.start();
  const until = inAnHour();
  await one.add({ tokenId: "first", until });
  await one.add({ user: "ann", until });
  const client = new Redis(server.url);
  await client.del(`${prefix}{L}:${evicted}`);
  await one.add({ tokenId: "later", until });
  const known = await eventually("a new node knows all", 5000, async () => {
    const fresh = node({ prefix });
    await fresh.start();
    return fresh.size === 3 ? fresh : undefined;
  });
  expect(known.judge(ann())).toBe("revoked");
  expect(await client.ttl(`${prefix}{L}:${evicted}`)).toBeGreaterThan(3600);
  client.disconnect();
});

test("[RV4] a Redis that lost everything on an open connection is told again, without anything new", async () => {
  const prefix = newPrefix();
  const one = node({ prefix });
  await one.start();
  await one.add({ user: "ann", until: inAnHour() });
  const client = new Redis(server.url);
  await client.del(`${prefix}{L}:revocations`, `${prefix}{L}:revocation-versions`);
  client.disconnect();
  const known = await eventually("a new node knows", 10_000, async () => {
    const fresh = node({ prefix });
    await fresh.start();
    return fresh.size === 1 ? fresh : undefined;
  });
  expect(known.judge(ann())).toBe("revoked");
});

test("[RV5] what ended is removed everywhere", async () => {
  const prefix = newPrefix();
  let aheadMs = 0;
  const clock: Clock = { nowMs: () => systemClock.nowMs(), date: () => new Date(Date.now() + aheadMs) };
  const one = node({ prefix, clock });
  await one.start();
  await one.add({ user: "short", until: nowSeconds() - 62 });
  await one.add({ user: "long", until: inAnHour() });
  const client = new Redis(server.url);
  await eventually(
    "pruned",
    3000,
    async () => (await client.hexists(`${prefix}{L}:revocations`, '["user","short"]')) === 0 || undefined,
  );
  expect(await client.zcard(`${prefix}{L}:revocation-versions`)).toBe(1);
  expect(await client.ttl(`${prefix}{L}:revocations`)).toBeGreaterThan(3600);
  // This node's clock is ahead; Redis keeps what has not ended by its own.
  aheadMs = 2 * 3600 * 1000;
  await eventually("forgotten here", 3000, async () => (one.size === 0 ? true : undefined));
  expect(await client.hexists(`${prefix}{L}:revocations`, '["user","long"]')).toBe(1);
  client.disconnect();
});

test("[RV6] what no node can have written is ignored", async () => {
  const prefix = newPrefix();
  const client = new Redis(server.url);
  const bad = ["x", "1 2", "1 2 3 4", "-1 2 3 0", "1e9 2 3 0", `${"9".repeat(40)} 2 3 0`];
  await client.hset(`${prefix}{L}:revocations`, { epoch: "e", version: "9" });
  for (const [index, value] of bad.entries()) {
    await client.hset(`${prefix}{L}:revocations`, `["user","u${index}"]`, value);
    await client.zadd(`${prefix}{L}:revocation-versions`, index + 1, `["user","u${index}"]`);
  }
  await client.hset(`${prefix}{L}:revocations`, "not json", "1 9999999999 9999999999 0");
  await client.zadd(`${prefix}{L}:revocation-versions`, 99, "not json");
  const one = node({ prefix });
  await one.start();
  expect(one.isLoaded).toBe(true);
  expect(one.size).toBe(0);
  client.disconnect();
});
