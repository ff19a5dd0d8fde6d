import {
  callApi,
  eventually,
  type RedisServer,
  type RunningGateway,
  startGateway,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Two gateways on one real Redis. */
let redis: RedisServer;
let one: RunningGateway;
let two: RunningGateway;
beforeAll(async () => {
  redis = await startRedis();
  one = await startGateway({ redisUrl: redis.url, podUid: "pod-one" });
  two = await startGateway({ redisUrl: redis.url, podUid: "pod-two" });
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

test("[PUB2] a publication reaches subscribers on every node once, in the same order", async () => {
  await using here = await TestClient.connect(one.url);
  await using there = await TestClient.connect(two.url);
  for (const client of [here, there]) await client.call({ subscribe: { channel: "cross" } });
  await Promise.all(
    Array.from({ length: 200 }, (_, n) => callApi(n % 2 === 0 ? one : two, "publish", { channel: "cross", data: n })),
  );
  const [a, b] = [await here.waitForPayloads("cross", 200), await there.waitForPayloads("cross", 200)];
  expect(a).toEqual(b);
  expect(new Set(a).size).toBe(200);
});

test("[API5] disconnect reaches the user's connections on every node; [API2] info names both nodes", async () => {
  await using here = await TestClient.connect(one.url);
  await using there = await TestClient.connect(two.url);
  expect(await callApi(one, "disconnect", { user: "" })).toEqual({ result: {} });
  for (const client of [here, there]) expect(await client.closed).toEqual({ code: 3503, reason: "force disconnect" });
  const { result } = (await callApi(two, "info", {})) as { result: { nodes: readonly { uid: string }[] } };
  expect(result.nodes.map(({ uid }) => uid).toSorted()).toEqual(["pod-one", "pod-two"]);
});

test("[PUB3] [SUB3] while Redis is away publish and subscribe get a temporary error, sockets stay, and delivery comes back", async () => {
  await using here = await TestClient.connect(one.url);
  await using there = await TestClient.connect(two.url);
  for (const client of [here, there]) await client.call({ subscribe: { channel: "away" } });
  await redis.stop();
  const startMs = performance.now();
  const refused = await here.call({ publish: { channel: "away", data: 0 } });
  expect(refused.error).toEqual({ code: 100, message: "internal server error", temporary: true });
  expect(performance.now() - startMs).toBeLessThan(5000);
  expect((await here.call({ subscribe: { channel: "away-too" } })).error?.temporary).toBe(true);
  expect(await callApi(two, "publish", { channel: "away", data: 0 })).toMatchObject({
    error: { code: 100, temporary: true },
  });
  expect((await fetch(`${one.httpUrl}/readyz`)).status).toBe(200);
  await redis.start();
  await eventually("delivered again", 10_000, async () => {
    await here.call({ publish: { channel: "away", data: "back" } });
    return here.payloads("away").includes("back") && there.payloads("away").includes("back");
  });
  expect((await here.call({ subscribe: { channel: "away-too" } })).error).toBeUndefined();
  expect([here.socket.readyState, there.socket.readyState]).toEqual([1, 1]);
});

test("[DRN4] a gateway that has never reached its broker is not ready", async () => {
  await using lonely = await startGateway({ redisUrl: "redis://127.0.0.1:1" });
  const response = await fetch(`${lonely.httpUrl}/readyz`);
  expect([response.status, await response.text()]).toEqual([503, "broker has not been reached yet\n"]);
});
