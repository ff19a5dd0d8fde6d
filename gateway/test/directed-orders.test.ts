import {
  callApi,
  eventually,
  type RunningGateway,
  startGateway,
  startRedis,
  TcpProxy,
  type TestClient as Client,
  TestClient,
} from "@belay/testkit";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";

interface Cluster {
  readonly gateways: readonly RunningGateway[];
  readonly client: Redis;
  /** Kinds of the messages to all nodes since the last call. */
  readonly broadcasts: () => Promise<readonly string[]>;
}

/** The documented times, faster: a pod asks everybody until whoever lives has beaten. */
const LEASE = { beatIntervalMs: 600, deadAfterMs: 3_000, awayAfterMs: 1_200, graceMs: 3_600 };

/** Answers with the kinds of the messages to all nodes since the last call. */
async function hearAll(url: string): Promise<Cluster["broadcasts"]> {
  const heard: string[] = [];
  const listener = new Redis(url);
  onTestFinished(() => listener.disconnect());
  listener.on("smessage", (_channel: string, text: string) => heard.push((JSON.parse(text) as { kind: string }).kind));
  await listener.ssubscribe("test:{L}:nodes");
  return async () => {
    // What was published before is delivered before the answer.
    await listener.ping();
    return heard.splice(0);
  };
}

async function openCluster(): Promise<Cluster> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const gateways = await Promise.all(
    ["pod-a", "pod-b", "pod-c"].map((podUid) => startGateway({ redisUrl: redis.url, podUid, leaseTiming: LEASE })),
  );
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const cluster = { gateways, client, broadcasts: await hearAll(redis.url) };
  await settled(cluster);
  return cluster;
}

/** Every pod has written everything it holds, and every pod knows the others. */
async function settled({ gateways, client }: Pick<Cluster, "gateways" | "client">): Promise<void> {
  await eventually("every pod has reported", 15_000, async () => (await client.hlen("test:{L}:complete")) === 3);
  for (const gateway of gateways) {
    await eventually("the others are known", 15_000, async () => {
      const { result } = (await callApi(gateway, "info", {})) as {
        readonly result?: { readonly nodes: readonly unknown[] };
      };
      return result?.nodes.length === 3;
    });
  }
}

async function connectAs(gateway: RunningGateway | undefined, user: string): Promise<Client> {
  if (gateway === undefined) throw new Error("no such gateway");
  const secret = new TextEncoder().encode(gateway.hmacSecret);
  const token = await new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const client = await TestClient.connect(gateway.url, token);
  onTestFinished(() => client[Symbol.asyncDispose]());
  return client;
}

/** Messages ever sent to each pod. */
async function sentTo(client: Redis): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const key of await client.keys("test:{*}d:*")) {
    const info = (await client.xinfo("STREAM", key)) as readonly unknown[];
    counts[key.slice(key.indexOf("}d:") + 3)] = Number(info[info.indexOf("entries-added") + 1]);
  }
  return counts;
}

test("[RG18] orders for a user go to the pods that hold the user's connections, and to no other", async () => {
  const { gateways, client, broadcasts } = await openCluster();
  const [a, b, c] = gateways;
  const [onA, onB] = [await connectAs(a, "ann"), await connectAs(b, "ann")];
  const bob = await connectAs(c, "bob");
  if (c === undefined) return;
  await eventually(
    "registered",
    5_000,
    async () => (await client.hlen((await client.keys("test:*}u:ann"))[0] ?? "")) === 2,
  );
  // Its table may be from before the others reported: then it asks everybody.
  await eventually("only owners are told", 10_000, async () => {
    const before = await sentTo(client);
    await broadcasts();
    expect(await callApi(c, "unsubscribe", { user: "ann", channel: "x" })).toEqual({ result: {} });
    const after = await sentTo(client);
    const isBroadcast = (await broadcasts()).includes("unsubscribe");
    return (
      !isBroadcast &&
      (after["pod-c"] ?? 0) === (before["pod-c"] ?? 0) &&
      (after["pod-a"] ?? 0) === (before["pod-a"] ?? 0) + 1
    );
  });
  const before = await sentTo(client);
  await callApi(c, "subscribe", { user: "ann", channel: "news" });
  for (const one of [onA, onB]) await one.waitFor("subscribed", ({ push }) => push?.channel === "news");
  await callApi(c, "refresh", { user: "ann" });
  await callApi(c, "disconnect", { user: "nobody-knows" });
  await callApi(c, "disconnect", { user: "bob" });
  expect((await bob.closed).code).toBe(3503);
  await callApi(c, "disconnect", { user: "ann" });
  for (const one of [onA, onB]) expect((await one.closed).code).toBe(3503);
  const after = await sentTo(client);
  const sent = ["pod-a", "pod-b", "pod-c"].map((pod) => (after[pod] ?? 0) - (before[pod] ?? 0));
  // Bob is on the pod that was asked: that order does not leave it.
  expect(sent).toEqual([3, 3, 0]);
  const orders = ["subscribe", "unsubscribe", "refresh", "disconnect"];
  expect((await broadcasts()).filter((kind) => orders.includes(kind))).toEqual([]);
});

test("[RG19] after Redis lost everything orders go to all pods until each has written its connections again", async () => {
  const cluster = await openCluster();
  const { gateways, client } = cluster;
  const [a, b] = gateways;
  const ann = await connectAs(a, "ann");
  if (b === undefined) return;
  await client.flushall();
  // Nobody has beaten yet: the entry is not there, and the order arrives all the same.
  expect(await callApi(b, "disconnect", { user: "ann" })).toEqual({ result: {} });
  expect((await ann.closed).code).toBe(3503);
  expect((await sentTo(client))["pod-c"]).toBe(1);
  await settled(cluster);
  const again = await connectAs(a, "ann");
  await eventually("only the owner is told", 10_000, async () => {
    const before = await sentTo(client);
    await callApi(b, "unsubscribe", { user: "ann", channel: "x" });
    const after = await sentTo(client);
    return (after["pod-c"] ?? 0) === (before["pod-c"] ?? 0);
  });
  await callApi(b, "disconnect", { user: "ann" });
  expect((await again.closed).code).toBe(3503);
}, 30_000);

test("[RG19] a pod that came after the others' last beat, before Redis lost everything, is asked too", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  // Nobody beats again before this test is over.
  const leaseTiming = { beatIntervalMs: 60_000, deadAfterMs: 200_000, awayAfterMs: 120_000, graceMs: 240_000 };
  const start = async (podUid: string): Promise<RunningGateway> => {
    const gateway = await startGateway({ redisUrl: redis.url, podUid, leaseTiming });
    onTestFinished(() => gateway[Symbol.asyncDispose]());
    return gateway;
  };
  const old = await start("old");
  const ann = await connectAs(await start("young"), "ann");
  await eventually("registered", 5_000, async () => (await client.keys("test:*}u:ann")).length === 1);
  await client.flushall();
  expect(await callApi(old, "disconnect", { user: "ann" })).toEqual({ result: {} });
  expect((await ann.closed).code).toBe(3503);
}, 20_000);

test("[RG19] while Redis may evict single keys orders are told to all", async () => {
  const cluster = await openCluster();
  const { gateways, client, broadcasts } = cluster;
  const [a, b] = gateways;
  const ann = await connectAs(a, "ann");
  if (b === undefined) return;
  const order = async (): Promise<boolean> => {
    await broadcasts();
    await callApi(b, "unsubscribe", { user: "ann", channel: "x" });
    return (await broadcasts()).includes("unsubscribe");
  };
  await eventually("only owners are told", 10_000, async () => !(await order()));
  await client.config("SET", "maxmemory-policy", "allkeys-lru");
  await client.config("SET", "maxmemory", "1gb");
  await eventually("all are told", 10_000, order);
  await client.del(...(await client.keys("test:*}u:ann")));
  await callApi(b, "disconnect", { user: "ann" });
  expect((await ann.closed).code).toBe(3503);
  await client.config("SET", "maxmemory-policy", "noeviction");
  await eventually("only owners are told", 10_000, async () => !(await order()));
}, 40_000);

test("[API14] an order reaches a connection from the moment on at which its client knows that it is connected", async () => {
  const redis = await startRedis();
  const proxy = await TcpProxy.start(redis.port);
  const [a, b] = await Promise.all(
    [redis.url, `redis://127.0.0.1:${proxy.port}`].map((redisUrl, index) =>
      startGateway({ redisUrl, podUid: `pod-${index}`, leaseTiming: LEASE }),
    ),
  );
  if (a === undefined || b === undefined) return;
  for (const gateway of [a, b]) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const broadcasts = await hearAll(redis.url);
  await eventually("only owners are told", 15_000, async () => {
    await broadcasts();
    await callApi(a, "disconnect", { user: "nobody" });
    return (await broadcasts()).length === 0;
  });
  proxy.delay(150);
  const ann = await connectAs(b, "ann");
  await callApi(a, "disconnect", { user: "ann" });
  expect((await ann.closed).code).toBe(3503);
  expect(await broadcasts()).toEqual([]);
}, 30_000);
