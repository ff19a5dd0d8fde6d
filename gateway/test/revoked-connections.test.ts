import {
  callApi,
  eventually,
  type RedisServer,
  type RunningGateway,
  startGateway,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { systemClock } from "../src/clock.ts";
import { openRedisRevocations, type RedisRevocations } from "../src/revocations/redis-revocations.ts";
import { testRuntime } from "./redis-test-runtime.ts";

let redis: RedisServer;
beforeAll(async () => (redis = await startRedis()));
afterAll(() => redis[Symbol.asyncDispose]());
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

const REVOKED = { code: 3540, reason: "revoked" };
const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const inAnHour = (): number => nowSeconds() + 3600;
let prefixes = 0;

interface Cluster {
  readonly one: RunningGateway;
  readonly two: RunningGateway;
  /** A third pod, which nobody hears: what it adds the others have to find themselves. */
  readonly pod: RedisRevocations;
  readonly start: () => Promise<RunningGateway>;
}

async function cluster(): Promise<Cluster> {
  const prefix = `revoked${(prefixes += 1)}:`;
  const start = async (): Promise<RunningGateway> => {
    const gateway = await startGateway({ redisUrl: redis.url, prefix });
    open.push(gateway);
    return gateway;
  };
  const bus = { tell: () => Promise.resolve(), on: () => undefined };
  const pod = openRedisRevocations({ ...testRuntime(), clock: systemClock, url: redis.url, prefix, bus });
  open.push({ [Symbol.asyncDispose]: () => pod.close() });
  const [one, two] = await Promise.all([start(), start(), pod.start()]);
  return { one, two, pod, start };
}

function token(claims: Record<string, unknown>, gateway: RunningGateway): Promise<string> {
  const secret = Buffer.from(gateway.hmacSecret);
  return new SignJWT({ iat: nowSeconds() - 10, ...claims }).setProtectedHeader({ alg: "HS256" }).sign(secret);
}

async function connected(gateway: RunningGateway, claims: Record<string, unknown>): Promise<TestClient> {
  const client = await TestClient.connect(gateway.url, await token(claims, gateway));
  open.push(client);
  return client;
}

async function outcome(gateway: RunningGateway, claims: Record<string, unknown>): Promise<unknown> {
  await using client = await TestClient.open(gateway.url);
  client.send(JSON.stringify({ id: 1, connect: { token: await token(claims, gateway) } }));
  const reply = client
    .waitFor("reply", () => true)
    .then(({ connect, error }) => (connect === undefined ? error : "ok"));
  return await Promise.race([client.closed, reply.catch(() => client.closed)]);
}

test("[REV2] connections with a revoked token are closed on every node within 2 s, and do not come back", async () => {
  const { one, two, pod } = await cluster();
  const hit = await Promise.all([
    connected(one, { sub: "ann", jti: "t1" }),
    connected(two, { sub: "ann", jti: "t2" }),
    connected(two, { sub: "bob", jti: "t3" }),
  ]);
  const spared = await Promise.all([
    connected(one, { sub: "bob", jti: "t4" }),
    connected(two, { sub: "ann", jti: "t5", iat: nowSeconds() + 4 }),
    TestClient.connect(one.url),
  ]);
  open.push(...spared);
  const startMs = performance.now();
  await Promise.all([pod.add({ user: "ann", until: inAnHour() }), pod.add({ tokenId: "t3", until: inAnHour() })]);
  expect(await Promise.all(hit.map(({ closed }) => closed))).toEqual([REVOKED, REVOKED, REVOKED]);
  expect(performance.now() - startMs).toBeLessThan(2_000);
  expect(await outcome(one, { sub: "ann", jti: "t1" })).toEqual(REVOKED);
  expect(await outcome(two, { sub: "bob", jti: "t3" })).toEqual(REVOKED);
  expect(await outcome(two, { sub: "bob", jti: "t6" })).toBe("ok");
  expect(await outcome(two, { sub: "ann", jti: "t7", iat: nowSeconds() + 4 })).toBe("ok");
  const replies = await Promise.all(spared.map((client) => client.call({ ping: {} })));
  expect(replies.every(({ error }) => error === undefined)).toBe(true);
  const metrics = await (await fetch(`${two.httpUrl}/metrics`)).text();
  expect(metrics).toContain('belay_gateway_tokens_refused_total{reason="revoked"} 1');
  expect(metrics).toContain("belay_gateway_revocations 2");
});

test("[REV2] a refresh with a revoked token closes, a subscription token that was revoked gets 103", async () => {
  const { one, pod } = await cluster();
  const client = await connected(one, { sub: "ann" });
  const other = await connected(one, { sub: "ann" });
  await pod.add({ tokenId: "bad", until: inAnHour() });
  await eventually("known", 3000, async () =>
    (await fetch(`${one.httpUrl}/metrics`)).text().then((text) => text.includes("revocations 1") || undefined),
  );
  const subscription = await token({ sub: "ann", channel: "room", jti: "bad" }, one);
  expect((await client.call({ subscribe: { channel: "room", token: subscription } })).error?.code).toBe(103);
  other.send(JSON.stringify({ id: 9, refresh: { token: await token({ sub: "ann", jti: "bad" }, one) } }));
  expect(await other.closed).toEqual(REVOKED);
});

test("[REV3] a blocked user is out everywhere, with new tokens too, until the block is lifted", async () => {
  const { one, two, pod } = await cluster();
  const client = await connected(two, { sub: "eve" });
  await pod.add({ user: "eve", isBlock: true, until: inAnHour() });
  expect(await client.closed).toEqual(REVOKED);
  await eventually(
    "both know",
    3000,
    async () => (await outcome(one, { sub: "eve", iat: nowSeconds() + 4 })) !== "ok" || undefined,
  );
  await pod.unblock("eve");
  await eventually("lifted", 3000, async () => (await outcome(two, { sub: "eve" })) === "ok" || undefined);
});

test("[REV2] everybody's tokens can be revoked at once; guests have none", async () => {
  const { one, two, pod } = await cluster();
  const hit = await Promise.all(
    Array.from({ length: 60 }, (_, index) => connected(index % 2 === 0 ? one : two, { sub: `u${index}` })),
  );
  const guest = await TestClient.connect(one.url);
  open.push(guest);
  await pod.add({ until: inAnHour() });
  expect(new Set((await Promise.all(hit.map(({ closed }) => closed))).map(({ code }) => code))).toEqual(
    new Set([3540]),
  );
  expect((await guest.call({ ping: {} })).error).toBeUndefined();
  expect(await callApi(one, "info", {})).toMatchObject({ result: {} });
});

test("[REV4] a pod that restarts knows what was revoked, also when Redis lost its data meanwhile", async () => {
  const own = await startRedis();
  const prefix = "rev4:";
  const first = await startGateway({ redisUrl: own.url, prefix });
  open.push(first);
  const bus = { tell: () => Promise.resolve(), on: () => undefined };
  const pod = openRedisRevocations({ ...testRuntime(), clock: systemClock, url: own.url, prefix, bus });
  await pod.start();
  await pod.add({ user: "ann", until: inAnHour() });
  await eventually("known", 3000, async () => (await outcome(first, { sub: "ann" })) !== "ok" || undefined);
  await pod.close();
  const restarted = await startGateway({ redisUrl: own.url, prefix });
  open.push(restarted);
  expect(await outcome(restarted, { sub: "ann" })).toEqual(REVOKED);
  await own.kill();
  await own.start();
  await eventually("Redis again", 10_000, async () =>
    (await fetch(`${first.httpUrl}/metrics`)).text().then((text) => text.includes("broker_connected 1") || undefined),
  );
  const late = await eventually("told again", 10_000, async () => {
    const fresh = await startGateway({ redisUrl: own.url, prefix });
    open.push(fresh);
    return (await outcome(fresh, { sub: "ann" })) === "ok" ? undefined : fresh;
  });
  expect(await outcome(late, { sub: "ann" })).toEqual(REVOKED);
});
