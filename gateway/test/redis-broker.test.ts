import {
  BrokerUnavailableError,
  openRedisBroker,
  type Position,
  type RedisBrokerOptions,
} from "@belay/gateway/internal";
import { BrokerNode, eventually, startRedis, TcpProxy } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { testRuntime } from "./redis-test-runtime.ts";

async function openNode(url: string, options: Partial<RedisBrokerOptions> = {}): Promise<BrokerNode> {
  const node = new BrokerNode(openRedisBroker({ url, prefix: "t:", nodeId: "n", ...testRuntime(), ...options }));
  onTestFinished(() => node.broker.close());
  return node.start();
}

function openClient(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}

interface Attempt {
  readonly atMs: number;
  readonly tookMs: number;
  readonly outcome: Position | Error;
}

/** Publishes every few milliseconds and notes what became of each. */
function keepPublishing({ broker }: BrokerNode, channel: string): readonly Attempt[] {
  const attempts: Attempt[] = [];
  const timer = setInterval(() => {
    const atMs = performance.now();
    const note = (outcome: Position | Error): void =>
      void attempts.push({ atMs, tookMs: performance.now() - atMs, outcome });
    broker.publish({ channel, data: Buffer.from(`${attempts.length}`) }).then(({ position }) => note(position), note);
  }, 5);
  onTestFinished(() => clearInterval(timer));
  return attempts;
}

const positions = (attempts: readonly Attempt[]): readonly Position[] =>
  attempts.flatMap(({ outcome }) => (outcome instanceof Error ? [] : [outcome]));
const errors = (attempts: readonly Attempt[]): readonly Error[] =>
  attempts.flatMap(({ outcome }) => (outcome instanceof Error ? [outcome] : []));

test.for([{ persistent: false }, { persistent: true }])(
  "[BR9] Redis restarts under traffic: temporary errors, then flow within 3 s, in a new epoch (data kept: $persistent)",
  async ({ persistent }) => {
    const redis = await startRedis({ persistent });
    const [here, there] = [await openNode(redis.url), await openNode(redis.url)];
    await there.broker.subscribe("chat");
    const attempts = keepPublishing(here, "chat");
    await eventually("flow", 2_000, () => there.publications.length > 20);
    const before = positions(attempts)[0]?.epoch;
    await redis.stop();
    await eventually("errors", 2_000, () => errors(attempts).length > 20);
    await redis.start();
    const backAtMs = performance.now();
    await eventually("flow again", 5_000, () => there.publications.some(({ position }) => position.epoch !== before));
    const flowMs = performance.now() - backAtMs;
    console.log(`flow ${Math.round(flowMs)} ms after Redis was back, ${errors(attempts).length} publishes refused`);
    expect(flowMs).toBeLessThan(3_000);
    expect(errors(attempts).every((error) => error instanceof BrokerUnavailableError)).toBe(true);
    expect(Math.max(...attempts.map(({ tookMs }) => tookMs))).toBeLessThan(2_000);
    await eventually("both ways are back", 3_000, () => here.broker.connected);
    expect(here.connected).toEqual([true, false, true]);
    const after = there.publications
      .filter(({ position }) => position.epoch !== before)
      .map(({ position }) => position);
    expect(new Set(after.map(({ epoch }) => epoch)).size).toBe(1);
  },
);

test("[BR9] an epoch is not used again when the partition's term or the channel's meta was lost", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const { broker } = await openNode(redis.url);
  const publish = async (): Promise<Position> =>
    (await broker.publish({ channel: "chat", data: Buffer.from("x") })).position;
  const epochs: string[] = [];
  for (const pattern of ["t:*.t", "t:*.m:chat"]) {
    epochs.push((await publish()).epoch);
    expect((await publish()).offset).toBe(2);
    const [key] = await client.keys(pattern);
    expect(await client.del(key ?? "")).toBe(1);
  }
  const last = await publish();
  expect(last.offset).toBe(1);
  expect(new Set([...epochs, last.epoch]).size).toBe(3);
});

test("[BR10] a subscriber connection that delivers nothing is found and mended within two probe intervals", async () => {
  const redis = await startRedis();
  const proxy = await TcpProxy.start(redis.port);
  const probes: string[] = [];
  const probeIntervalMs = 400;
  const here = await openNode(redis.url);
  const there = await openNode(`redis://127.0.0.1:${proxy.port}`, {
    timing: { probeIntervalMs },
    onProbe: (result) => void probes.push(result),
  });
  await there.broker.subscribe("chat");
  await eventually("a healthy idle connection answers", 3_000, () => probes.includes("answered"));
  expect(probes).not.toContain("lost");
  expect(proxy.swallowReplies("belay-subscriber")).toBe(1);
  const wedgedAtMs = performance.now();
  await here.broker.publish({ channel: "chat", data: Buffer.from("hole") });
  await eventually("told", 3_000, () => there.connected.includes(false));
  await eventually("mended", 3_000, () => there.broker.connected);
  const mendedMs = performance.now() - wedgedAtMs;
  console.log(`mended after ${Math.round(mendedMs)} ms, probe interval ${probeIntervalMs} ms`);
  expect(mendedMs).toBeLessThan(2 * probeIntervalMs);
  await here.broker.publish({ channel: "chat", data: Buffer.from("after") });
  await eventually("delivered", 2_000, () => there.texts("chat").includes("after"));
  expect(probes.filter((result) => result === "lost")).toHaveLength(1);
  expect(there.connected).toEqual([true, false, true]);
});

test("[BR10] a subscriber connection that Redis closes is made again with its channels", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const probes: string[] = [];
  const node = await openNode(redis.url, {
    timing: { probeIntervalMs: 200 },
    onProbe: (result) => void probes.push(result),
  });
  await node.broker.subscribe("chat");
  await eventually("probed", 3_000, () => probes.includes("answered"));
  expect(node.connected).toEqual([true]);
  await client.call("CLIENT", "KILL", "TYPE", "pubsub");
  await eventually("restored", 3_000, () => node.connected.length === 3 && node.broker.connected);
  await node.broker.publish({ channel: "chat", data: Buffer.from("x") });
  await eventually("delivered", 2_000, () => node.texts("chat").length === 1);
  expect(node.connected).toEqual([true, false, true]);
});

test("[BR7] a Redis that hangs costs the first publishes two time-outs and the later ones nothing; it is used again when it answers", async () => {
  const redis = await startRedis();
  const node = await openNode(redis.url);
  await node.broker.subscribe("chat");
  const attempts = keepPublishing(node, "chat");
  await eventually("flow", 2_000, () => positions(attempts).length > 10);
  redis.pause();
  const pausedAtMs = performance.now();
  await eventually("refusals", 3_000, () => errors(attempts).length > 200);
  redis.resume();
  const resumedAtMs = performance.now();
  const flowing = positions(attempts).length;
  await eventually("flow again", 5_000, () => positions(attempts).length > flowing + 10);
  console.log(`flow ${Math.round(performance.now() - resumedAtMs)} ms after the pause`);
  expect(performance.now() - resumedAtMs).toBeLessThan(3_000);
  expect(Math.max(...attempts.map(({ tookMs }) => tookMs))).toBeLessThan(2_000);
  const late = attempts.filter(
    ({ atMs, outcome }) => outcome instanceof Error && atMs > pausedAtMs + 1_500 && atMs < resumedAtMs,
  );
  for (const { tookMs } of late) expect(tookMs).toBeLessThan(100);
});

test("[BR11] scripts that Redis has forgotten are sent again", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const { broker } = await openNode(redis.url);
  await broker.publish({ channel: "chat", data: Buffer.from("1") });
  await client.script("FLUSH");
  const published = await Promise.all(
    ["2", "3"].map((text) => broker.publish({ channel: "chat", data: Buffer.from(text) })),
  );
  expect(published.map(({ position }) => position.offset)).toEqual([2, 3]);
  await client.script("FLUSH");
  expect((await broker.history({ channel: "chat" })).position).toEqual(published[1]?.position);
});

test("[BR12] subscribing goes out in batches, unsubscribing a little later, and not at all when the channel is wanted again", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const { broker } = await openNode(redis.url, { timing: { unsubscribeDelayMs: 150 } });
  const channels = Array.from({ length: 2_000 }, (_, index) => `c${index}`);
  await Promise.all(channels.map((channel) => broker.subscribe(channel)));
  expect(await callsOf(client, "ssubscribe")).toBeLessThanOrEqual(5);
  const heard = async (): Promise<number> =>
    ((await client.call("PUBSUB", "SHARDCHANNELS", "t:*.c:*")) as string[]).length;
  expect(await heard()).toBe(2_000);
  await Promise.all(channels.map((channel) => broker.unsubscribe(channel)));
  await broker.subscribe("c7");
  await eventually("dropped", 2_000, async () => (await heard()) === 1);
  expect(await callsOf(client, "sunsubscribe")).toBeLessThanOrEqual(8);
  await broker.publish({ channel: "c7", data: Buffer.from("x") });
});

test("[BR13] what no node of ours can have sent is dropped and counted", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  let malformed = 0;
  const node = await openNode(redis.url, { onMalformed: () => (malformed += 1) });
  await node.broker.subscribe("chat");
  const [name] = (await client.call("PUBSUB", "SHARDCHANNELS", "t:*.c:chat")) as string[];
  const garbage = [
    "",
    ":",
    ":::::::",
    "0:e:1:0:0,0:x",
    "1:e:1:0:0,9:x",
    "1:e:1:0:9999999999,9999999999:x",
    "x:e:1:0:0,0:x",
    "1::1:0:0,0:x",
    "1:e f:1:0:0,0:x",
    `1:${"e".repeat(100)}:1:0:0,0:x`,
    "1:e::0:0,0:x",
    "1:e:1:0:0:x",
    "1:e:1:0:-1,0:x",
    "1:e:1:0:1.5,0:xx",
    "1:e:1:0:0,0,0,0,0,0,0,0,0:x",
    "1:e:1:0:1,0:{x",
    '1:e:1:0:7,0:{"a":1}x',
    "1:e:1:0:2,0:[]x",
    "9007199254740993:e:1:0:0,0:x",
    "99999999999999999999:e:1:0:0,0:x",
    "1:e:1",
    "\0".repeat(300),
  ];
  for (const bytes of garbage) await client.spublish(name ?? "", bytes);
  await node.broker.publish({ channel: "chat", data: Buffer.from("fine") });
  await eventually("the good one", 2_000, () => node.publications.length === 1);
  await eventually("all counted", 2_000, () => malformed === garbage.length);
  expect(node.texts("chat")).toEqual(["fine"]);
  await client.spublish(name ?? "", "7:e:1:255:2,1,3:{}i???d");
  await eventually("one of a later version", 2_000, () => node.publications.length === 2);
  expect(node.publications[1]).toMatchObject({ offset: 7, tags: {}, info: Buffer.from("i"), data: Buffer.from("d") });
});

test("[BR14] a password works and is never logged, not even when it is wrong", async () => {
  const redis = await startRedis({ password: "s3cret@:/" });
  const right = await openNode(redis.url);
  await eventually("connected", 2_000, () => right.broker.connected);
  const runtime = testRuntime();
  const wrong = new BrokerNode(
    openRedisBroker({
      url: redis.url.replace("s3cret", "wr0ng"),
      prefix: "",
      nodeId: "n",
      ...runtime,
      timing: { startTimeoutMs: 300 },
    }),
  );
  await wrong.start();
  const refusal = await wrong.broker.publish({ channel: "c", data: Buffer.from("x") }).catch((error: unknown) => error);
  await wrong.broker.close();
  expect(refusal).toBeInstanceOf(BrokerUnavailableError);
  expect(runtime.lines.join("\n")).toContain("WRONGPASS");
  expect(runtime.lines.join("\n")).not.toMatch(/s3cret|wr0ng/);
});

test("[BR15] a broker starts without its Redis and connects when it comes", async () => {
  const redis = await startRedis();
  await redis.stop();
  const node = await openNode(redis.url, { timing: { startTimeoutMs: 100 } });
  expect(node.broker.connected).toBe(false);
  await redis.start();
  await eventually("connected", 3_000, () => node.broker.connected);
  expect(node.connected).toEqual([true]);
});

async function callsOf(client: Redis, command: string): Promise<number> {
  const stats = await client.info("commandstats");
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}
