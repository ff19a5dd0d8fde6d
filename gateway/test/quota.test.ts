import { eventually, startGateway, startRedis, TestClient } from "@belay/testkit";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { systemClock, systemRandom } from "../src/clock.ts";
import type { ClusterLimits } from "../src/limits/cluster-limits.ts";
import { openRedisLimits } from "../src/limits/redis-limits.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const quietBus = { tell: () => Promise.resolve(), on: () => undefined };

interface Limiter {
  readonly limits: ClusterLimits;
  readonly calls: { ok: number; failed: number };
}

async function limiter(url: string, prefix = "q:"): Promise<Limiter> {
  const calls = { ok: 0, failed: 0 };
  const onQuotaCall = (outcome: "ok" | "failed"): void => void (calls[outcome] += 1);
  const limits = openRedisLimits({
    ...testRuntime(),
    clock: systemClock,
    random: systemRandom,
    url,
    prefix,
    bus: quietBus,
    onQuotaCall,
  });
  onTestFinished(() => limits.close());
  await limits.start();
  return { limits, calls };
}

const ann = { kind: "user", name: "ann" } as const;

test("[QU1] [QU2] three pods on one Redis admit the rate, and no more than pods × 128 beyond burst and rate", async () => {
  await using redis = await startRedis();
  const pods = await Promise.all([1, 2, 3].map(() => limiter(redis.url)));
  const rate = { perSecond: 400, burst: 300 };
  const startMs = performance.now();
  let asked = 0;
  const admitted: number[] = [];
  // Far more than is allowed, on every pod at once.
  const hammer = async ({ limits }: Limiter): Promise<void> => {
    while (performance.now() - startMs < 3000) {
      for (let n = 0; n < 20; n += 1) {
        asked += 1;
        if ((await limits.quota.take(ann, rate)).isGranted) admitted.push(performance.now());
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(pods.map((pod) => hammer(pod)));
  const seconds = (performance.now() - startMs) / 1000;
  const calls = pods.reduce((sum, pod) => sum + pod.calls.ok, 0);
  console.log(`${admitted.length} of ${asked} admitted in ${seconds.toFixed(1)} s, ${calls} calls of Redis`);
  // From a full bucket nothing is spent that was not paid for; in a later window leases of before may be.
  expect(admitted.length).toBeLessThanOrEqual(rate.burst + rate.perSecond * seconds + 1);
  expect(admitted.length).toBeGreaterThan(rate.perSecond * seconds * 0.5);
  for (const from of admitted) {
    const inWindow = admitted.filter((at) => at >= from && at < from + 500).length;
    expect(inWindow).toBeLessThanOrEqual(rate.burst + rate.perSecond * 0.5 + pods.length * 128);
  }
  expect(calls).toBeLessThanOrEqual(asked / 100 + 20);
});

test("[QU2] below the limit a call serves more than 100 messages", async () => {
  await using redis = await startRedis();
  const { limits, calls } = await limiter(redis.url);
  const rate = { perSecond: 1_000_000, burst: 1_000_000 };
  for (let n = 0; n < 20_000; n += 1) expect((await limits.quota.take(ann, rate)).isGranted).toBe(true);
  expect(calls.ok).toBeLessThanOrEqual(20_000 / 100 + 10);
  expect(calls.ok).toBeGreaterThan(20_000 / 200);
});

test("[QU4] while Redis is away a pod goes on with its own bucket, and shares again afterwards", async () => {
  await using redis = await startRedis();
  const { limits, calls } = await limiter(redis.url);
  const rate = { perSecond: 5, burst: 20 };
  const granted = async (count: number): Promise<number> => {
    const verdicts = await Promise.all(Array.from({ length: count }, async () => limits.quota.take(ann, rate)));
    return verdicts.filter(({ isGranted }) => isGranted).length;
  };
  expect(await granted(1)).toBe(1);
  redis.pause();
  const pausedMs = performance.now();
  const alone = await granted(100);
  expect(performance.now() - pausedMs).toBeLessThan(5_000);
  // Three of the lease, and the bucket of its own.
  expect(alone).toBeGreaterThanOrEqual(20);
  expect(alone).toBeLessThanOrEqual(20 + 3 + Math.ceil(((performance.now() - pausedMs) / 1000) * rate.perSecond));
  expect(calls.failed).toBeGreaterThan(0);
  redis.resume();
  const before = calls.ok;
  await eventually("shared again", 5_000, async () => {
    await granted(1);
    return calls.ok > before;
  });
});

function tokenFor(user: string, secret: string): Promise<string> {
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
}

async function codes(client: TestClient, count: number): Promise<(number | undefined)[]> {
  const command = { publish: { channel: "room", data: {} } };
  const replies = await Promise.all(Array.from({ length: count }, () => client.call(command)));
  return replies.map(({ error }) => error?.code);
}

test("[LIM17] a user's messages over two nodes share one rate; others and other commands are free of it", async () => {
  await using redis = await startRedis();
  const config = { limits: { userMessagesPerSecond: 1, userMessageBurst: 12 } };
  const shared = { redisUrl: redis.url, prefix: "user:", config };
  await using one = await startGateway(shared);
  await using other = await startGateway(shared);
  await using here = await TestClient.connect(one.url, await tokenFor("ann", one.hmacSecret));
  await using there = await TestClient.connect(other.url, await tokenFor("ann", other.hmacSecret));
  await using bob = await TestClient.connect(one.url, await tokenFor("bob", one.hmacSecret));
  const all = [...(await codes(here, 20)), ...(await codes(there, 20))];
  const admitted = all.filter((code) => code === undefined).length;
  expect(all.filter((code) => code === 111)).toHaveLength(40 - admitted);
  expect(admitted).toBeGreaterThanOrEqual(6);
  expect(admitted).toBeLessThanOrEqual(12 + 5);
  expect((await here.call({ ping: {} })).error).toBeUndefined();
  expect(await codes(bob, 2)).toEqual([undefined, undefined]);
  const metrics = await (await fetch(`${one.controlUrl}/metrics`)).text();
  expect(metrics).toMatch(/belay_gateway_limited_total\{limit="user"\} [1-9]/);
  expect(metrics).toMatch(/belay_gateway_quota_redis_calls_total\{outcome="ok"\} [1-9]/);
});

test("[LIM18] requests with one key share a rate over two nodes: 429, Retry-After and the API's error; other keys are free", async () => {
  await using redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "belay-key-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const keyFile = join(folder, "slow");
  await writeFile(keyFile, "slow-key");
  const api = { keys: [{ name: "slow", keyFile, requestsPerSecond: 6 }] };
  const shared = { redisUrl: redis.url, prefix: "key:", config: { api } };
  await using one = await startGateway(shared);
  await using other = await startGateway(shared);
  const startMs = performance.now();
  const ask = (gateway: typeof one, key: string): Promise<Response> =>
    fetch(`${gateway.httpUrl}/api/info`, { method: "POST", headers: { "X-API-Key": key }, body: "{}" });
  const answers: Response[] = [];
  for (let n = 0; n < 20; n += 1) answers.push(await ask(n % 2 === 0 ? one : other, "slow-key"));
  const seconds = (performance.now() - startMs) / 1000;
  const admitted = answers.filter(({ status }) => status === 200).length;
  expect(admitted).toBeGreaterThanOrEqual(3);
  expect(admitted).toBeLessThanOrEqual(6 + 6 * seconds + 6);
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
  expect(await refused?.text()).toMatch(/^\{"error":\{"code":111,/);
  expect((await ask(one, one.apiKey)).status).toBe(200);
  await eventually("in time again", 5_000, async () => (await ask(other, "slow-key")).status === 200);
});
