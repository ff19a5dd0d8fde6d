import type { GatewayConfig } from "@belay/protocol/control";
import {
  eventually,
  type GatewayAccess,
  type Received,
  startGateway,
  startGatewayProcess,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { parseConfig } from "@belay/gateway";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";

const LEASE = { beatIntervalMs: 600, deadAfterMs: 2_000, awayAfterMs: 1_200, graceMs: 2_400 };

interface Attempt {
  readonly client: TestClient;
  readonly reply: Received;
}

async function attempt({ url, hmacSecret }: GatewayAccess, user: string): Promise<Attempt> {
  const secret = new TextEncoder().encode(hmacSecret);
  const token = await new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const client = await TestClient.open(url);
  onTestFinished(() => client.socket.terminate());
  return { client, reply: await client.call({ connect: { token } }) };
}

async function connected(gateway: GatewayAccess, user: string): Promise<TestClient> {
  const { client, reply } = await attempt(gateway, user);
  expect(reply.error).toBeUndefined();
  return client;
}

const REFUSED = { code: 111, message: "too many requests", temporary: true };

function limited(limits: GatewayConfig["limits"]): { readonly config: GatewayConfig } {
  return { config: { limits: { ...limits } } };
}

async function pair(
  limits: GatewayConfig["limits"],
): Promise<{ a: GatewayAccess; b: GatewayAccess; redisUrl: string }> {
  const redis = await startRedis();
  const shared = { redisUrl: redis.url, ...limited(limits) };
  const [a, b] = await Promise.all([
    startGateway({ ...shared, podUid: "a" }),
    startGateway({ ...shared, podUid: "b" }),
  ]);
  for (const gateway of [a, b]) onTestFinished(() => gateway[Symbol.asyncDispose]());
  return { a, b, redisUrl: redis.url };
}

test("[LIM20] a user has five connections in the cluster unless told otherwise; one more is refused for now, and let in when one goes", async () => {
  const parsed = parseConfig("{}");
  const { maxConnectionsPerUser, connectionLimitPolicy } = parsed.ok ? parsed.config.limits : {};
  expect([maxConnectionsPerUser, connectionLimitPolicy]).toEqual([5, "Reject"]);
  const { a, b } = await pair({ maxConnectionsPerUser: 5 });
  const five = await Promise.all([a, b, a, b, a].map((gateway) => connected(gateway, "ann")));
  for (const gateway of [a, b]) expect((await attempt(gateway, "ann")).reply.error).toEqual(REFUSED);
  await connected(b, "bob");
  five[1]?.socket.close();
  await eventually("a place is free", 10_000, async () => (await attempt(a, "ann")).reply.error === undefined);
  expect((await attempt(b, "ann")).reply.error).toEqual(REFUSED);
});

test("[LIM20] those who come together never get more places than there are", async () => {
  const { a, b } = await pair({ maxConnectionsPerUser: 3 });
  const tries = await Promise.all(Array.from({ length: 12 }, (_, n) => attempt(n % 2 === 0 ? a : b, "ann")));
  expect(tries.filter(({ reply }) => reply.error === undefined)).toHaveLength(3);
});

test("[LIM20] 0 is no limit, clients without a user have none, and a single gateway counts as well", async () => {
  await using unlimited = await startGateway(limited({ maxConnectionsPerUser: 0 }));
  for (let n = 0; n < 8; n += 1) await connected(unlimited, "ann");
  await using gateway = await startGateway(limited({ maxConnectionsPerUser: 1 }));
  const nobodies = await Promise.all(Array.from({ length: 3 }, () => TestClient.connect(gateway.url)));
  onTestFinished(() => nobodies.forEach(({ socket }) => socket.terminate()));
  const one = await connected(gateway, "ann");
  expect((await attempt(gateway, "ann")).reply.error).toEqual(REFUSED);
  one.socket.close();
  await eventually("free", 5_000, async () => (await attempt(gateway, "ann")).reply.error === undefined);
});

test("[LIM21] a half-open socket does not refuse a client that comes back: it is challenged, closed and not counted", async () => {
  const { a, b } = await pair({ maxConnectionsPerUser: 2 });
  const [alive, silent] = [await connected(a, "ann"), await connected(a, "ann")];
  silent.answersPings = false;
  const startMs = performance.now();
  const back = await connected(b, "ann");
  expect(performance.now() - startMs).toBeGreaterThan(1_400);
  expect((await silent.closed).code).toBe(3012);
  expect((await attempt(b, "ann")).reply.error).toEqual(REFUSED);
  expect([alive.socket.readyState, back.socket.readyState]).toEqual([1, 1]);
});

test("[LIM22] with ReplaceOldest the newest connections stay, and the oldest is told not to come back", async () => {
  const { a, b } = await pair({ maxConnectionsPerUser: 2, connectionLimitPolicy: "ReplaceOldest" });
  const [first, second] = [await connected(a, "ann"), await connected(b, "ann")];
  const third = await connected(b, "ann");
  expect(await first.closed).toEqual({ code: 3504, reason: "connection limit" });
  const fourth = await connected(a, "ann");
  expect((await second.closed).code).toBe(3504);
  expect([third.socket.readyState, fourth.socket.readyState]).toEqual([1, 1]);
});

test("[LIM23] without Redis nobody is refused for what others have, and all are counted again afterwards", async () => {
  const redis = await startRedis();
  await using gateway = await startGateway({ redisUrl: redis.url, ...limited({ maxConnectionsPerUser: 1 }) });
  await connected(gateway, "ann");
  await redis.stop();
  const [second, third] = [await connected(gateway, "ann"), await connected(gateway, "ann")];
  await redis.start();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  await eventually("all are written", 15_000, async () => {
    const [key = ""] = await client.keys("test:*}u:ann");
    return (await client.hlen(key)) === 3;
  });
  expect((await attempt(gateway, "ann")).reply.error).toEqual(REFUSED);
  expect([second.socket.readyState, third.socket.readyState]).toEqual([1, 1]);
}, 30_000);

test("[LIM21] 100 users at their limit on a killed pod: who is back at once is never refused because of its ghost, later no ghost is left", async () => {
  const redis = await startRedis();
  const shared = { redisUrl: redis.url, leaseTiming: LEASE, ...limited({ maxConnectionsPerUser: 2 }) };
  await using survivor = await startGateway({ ...shared, podUid: "survivor" });
  await using victim = await startGatewayProcess({ ...shared, podUid: "victim" });
  const users = Array.from({ length: 100 }, (_, n) => `user-${n}`);
  await Promise.all(users.flatMap((user) => [connected(victim, user), connected(victim, user)]));
  expect((await attempt(victim, "user-0")).reply.error).toEqual(REFUSED);
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  await eventually("the grace is over", 10_000, async () => (await client.get("test:{L}:calm")) === null);
  victim.process.kill("SIGKILL");
  await Promise.all(users.flatMap((user) => [connected(survivor, user), connected(survivor, user)]));
  const refused = await Promise.all(users.map((user) => attempt(survivor, user)));
  expect(refused.filter(({ reply }) => reply.error === undefined)).toEqual([]);
  await eventually("swept", 15_000, async () => (await client.keys("test:*p:victim:*")).length === 0);
  await eventually("exact", 10_000, async () => {
    const counts = await Promise.all((await client.keys("test:*}u:user-*")).map((key) => client.hlen(key)));
    return counts.length === 100 && counts.every((count) => count === 2);
  });
}, 60_000);
