import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import {
  callApi,
  callControl,
  eventually,
  type GatewayAccess,
  type RunningGateway,
  startGateway,
  startGatewayProcess,
  startRedis,
  TcpProxy,
} from "@belay/testkit";
import type { LoadReport } from "@belay/protocol/control";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { CheckingClient } from "./checking-client.ts";

const ALLOW = { subscribe: "anonymous", presence: "anonymous" } as const;
const HISTORY = { size: 10_000, ttlSeconds: 300 };
const config = {
  channels: { namespaces: [{ name: "room", presence: true, history: HISTORY, allow: ALLOW }] },
  limits: { maxConnections: 100_000 },
} as const;

/** Publishes 1, 2, 3 … to channels, as fast as asked; a publish that is refused is made again with the same id. */
class Publisher {
  readonly #gateway: GatewayAccess;
  readonly #channels: readonly string[];
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();
  top = 0;

  constructor(gateway: GatewayAccess, channels: readonly string[]) {
    this.#gateway = gateway;
    this.#channels = channels;
  }

  start(pauseMs: number): void {
    this.#isStopped = false;
    this.#done = this.#run(pauseMs);
    onTestFinished(() => this.stop());
  }

  /** Everything published by then is acknowledged. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async publish(): Promise<void> {
    const id = (this.top += 1);
    await Promise.all(this.#channels.map((channel) => this.#publishTo(channel, id)));
  }

  async #run(pauseMs: number): Promise<void> {
    while (!this.#isStopped) {
      await this.publish();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #publishTo(channel: string, id: number): Promise<void> {
    const body = { channel, data: id, idempotency_key: `${id}` };
    for (;;) {
      const answer = (await callApi(this.#gateway, "publish", body)) as { readonly error?: object };
      if (answer.error === undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += 50) await Promise.all(items.slice(from, from + 50).map(work));
}

/** Opens all, and waits until each is subscribed. */
async function openAll(clients: readonly CheckingClient[]): Promise<void> {
  onTestFinished(() => clients.forEach((client) => client.cut()));
  await inBatches(clients, (client) => client.open());
  await eventually("everybody is subscribed", 60_000, () => clients.every(({ isSubscribed }) => isSubscribed));
}

async function everybodyIsAt(top: number, clients: readonly CheckingClient[], withinMs: number): Promise<void> {
  await eventually(`everybody has ${top} messages`, withinMs, () => clients.every(({ at }) => at === top));
}

function problemsOf(clients: readonly CheckingClient[]): readonly string[] {
  return clients.flatMap(({ problems }) => problems);
}

function sumOf(clients: readonly CheckingClient[], count: "closes" | "told" | "unrecovered" | "recovered"): number {
  return clients.reduce((sum, client) => sum + client[count], 0);
}

async function metric(gateway: GatewayAccess, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
  return Number(new RegExp(`^belay_gateway_${name} (.*)$`, "m").exec(text)?.[1]);
}

async function loadOf(gateway: GatewayAccess): Promise<LoadReport> {
  return (await (await callControl(gateway, "/load")).json()) as LoadReport;
}

function clientOf(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}

test("[BR61] a subscriber connection that delivers nothing is mended under traffic, its holes are filled once for all, and the metric shows it", async () => {
  const redis = await startRedis();
  const proxy = await TcpProxy.start(redis.port);
  const probeIntervalMs = 1_000;
  await using here = await startGateway({ redisUrl: redis.url, config });
  const redisUrl = `redis://127.0.0.1:${proxy.port}`;
  await using there = await startGateway({ redisUrl, config, brokerTiming: { probeIntervalMs } });
  const clients = Array.from({ length: 60 }, (_, index) => new CheckingClient(there.url, `room:${index % 3}`));
  await openAll(clients);
  const publisher = new Publisher(here, ["room:0", "room:1", "room:2"]);
  publisher.start(5);
  await eventually("flow", 10_000, () => clients.every(({ at }) => at > 10));
  expect(proxy.swallowReplies("belay-subscriber")).toBe(1);
  const wedgedAtMs = performance.now();
  const reached = Math.max(...clients.map(({ at }) => at));
  await eventually("mended", 20_000, () => clients.every(({ at }) => at > reached + 20));
  const mendedMs = performance.now() - wedgedAtMs;
  console.log(`mended after ${Math.round(mendedMs)} ms, probe interval ${probeIntervalMs} ms`);
  await publisher.stop();
  await everybodyIsAt(publisher.top, clients, 10_000);
  // Half an interval more for the reading, on a machine that does much else.
  expect(mendedMs).toBeLessThan(2.5 * probeIntervalMs);
  expect(problemsOf(clients)).toEqual([]);
  expect([sumOf(clients, "closes"), sumOf(clients, "told"), sumOf(clients, "unrecovered")]).toEqual([0, 0, 0]);
  expect(await metric(there, "redis_probe_failures_total")).toBe(1);
  expect(await metric(there, "redis_rebuilds_total")).toBe(1);
  expect(await metric(there, 'gaps_total{outcome="filled"}'.replaceAll(/[{}]/g, String.raw`\$&`))).toBe(3);
  expect((await loadOf(there)).redis).toMatchObject({ problem: "", probe: { failures: 1, rebuilds: 1 } });
  expect((await loadOf(here)).redis).toMatchObject({ problem: "", probe: { failures: 0, rebuilds: 0 } });
}, 40_000);

/** How long one gateway is cut off, at least; in full: BELAY_CUT_SECONDS=30, with the documented times of leases. */
const CUT_MS = Number(process.env["BELAY_CUT_SECONDS"] ?? 0) * 1_000;
const LEASE = CUT_MS > 0 ? {} : { beatIntervalMs: 300, deadAfterMs: 1_000, awayAfterMs: 600, graceMs: 1_200 };
const SOCKETS = 500;
const ROOMS = 10;

async function openUsers(gateway: RunningGateway): Promise<readonly CheckingClient[]> {
  const secret = new TextEncoder().encode(gateway.hmacSecret);
  const clients = await Promise.all(
    Array.from({ length: SOCKETS }, async (_, index) => {
      const jwt = new SignJWT({ sub: `user-${index}` }).setProtectedHeader({ alg: "HS256" });
      return new CheckingClient(gateway.url, `room:${index % ROOMS}`, await jwt.sign(secret));
    }),
  );
  await openAll(clients);
  return clients;
}

test("[BR62] a gateway that is cut off from Redis for longer than its lease keeps its 500 sockets, says so, and gives them everything afterwards; presence and registry are exact", async () => {
  const redis = await startRedis();
  const proxy = await TcpProxy.start(redis.port);
  const client = clientOf(redis.url);
  const shared = { config, leaseTiming: LEASE };
  await using survivor = await startGateway({ ...shared, redisUrl: redis.url, podUid: "survivor" });
  const redisUrl = `redis://127.0.0.1:${proxy.port}`;
  await using lonely = await startGateway({ ...shared, redisUrl, podUid: "lonely" });
  const clients = await openUsers(lonely);
  const rooms = Array.from({ length: ROOMS }, (_, index) => `room:${index}`);
  const publisher = new Publisher(survivor, rooms);
  publisher.start(20);
  await eventually("the grace is over", 30_000, async () => (await client.get("test:{L}:calm")) === null);
  const present = async (): Promise<readonly number[]> => {
    const counts = await Promise.all(rooms.map((channel) => callApi(survivor, "presence_stats", { channel })));
    return (counts as { result: { num_clients: number } }[]).map(({ result }) => result.num_clients);
  };
  const registered = async (): Promise<number> => (await client.keys("test:*}u:user-*")).length;
  const everybody = rooms.map(() => SOCKETS / ROOMS);
  await eventually("all are there", 10_000, async () => (await registered()) === SOCKETS);
  expect(await present()).toEqual(everybody);
  proxy.cut();
  const cutAtMs = performance.now();
  await eventually("swept", 20_000, async () => (await registered()) === 0);
  await eventually("it was long enough", CUT_MS + 1_000, () => performance.now() - cutAtMs >= CUT_MS);
  const before = publisher.top;
  await eventually("more was published", 10_000, () => publisher.top > before + 50);
  const readiness = await fetch(`${lonely.controlUrl}/readyz`);
  expect([readiness.status, await readiness.text()]).toEqual([
    200,
    expect.stringMatching(
      /^ready, but Redis is not reached for \d+ s, and the lease of this pod could not be renewed\n$/,
    ),
  ]);
  expect((await loadOf(lonely)).redis).toMatchObject({ problem: "Redis is not reached" });
  const outMs = Math.round(performance.now() - cutAtMs);
  proxy.mend();
  await eventually("all are there again", 15_000, async () => (await registered()) === SOCKETS);
  await publisher.stop();
  await everybodyIsAt(publisher.top, clients, 15_000);
  await eventually("all are present", 15_000, async () => String(await present()) === String(everybody));
  expect(problemsOf(clients)).toEqual([]);
  expect(sumOf(clients, "closes")).toBe(0);
  console.log(
    `cut off for ${outMs} ms, ${publisher.top} messages in ${ROOMS} rooms, told ${sumOf(clients, "told")}, unrecovered ${sumOf(clients, "unrecovered")}`,
  );
}, 120_000);

/** In full: BELAY_CROWD=10000. */
const CROWD = Number(process.env["BELAY_CROWD"] ?? 600);

/** Reads of the channel's history by address of the connection, from now on. */
async function countReads({ port }: { readonly port: number }, channel: string): Promise<ReadonlyMap<string, number>> {
  const reads = new Map<string, number>();
  // Spoken by hand: ioredis takes what comes with the reply to MONITOR for replies.
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.write("MONITOR\r\n");
  const lines = createInterface({ input: socket });
  const begun = once(lines, "line");
  lines.on("line", (line) => {
    const source = /\[\d+ ([\d.:]+)\] "evalsha"/i.exec(line)?.[1];
    // A publish carries the pub/sub channel, a read the name of the command to read with.
    const isRead = line.includes(`s:${channel}"`) && /"X(REV)?RANGE"/.test(line);
    if (source !== undefined && isRead) reads.set(source, (reads.get(source) ?? 0) + 1);
  });
  await begun;
  return reads;
}

/** Samples up to each bucket's end, seconds. */
async function delaysOf(gateway: GatewayAccess): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
  const found = text.matchAll(/^belay_gateway_event_loop_delay_seconds_bucket\{le="([^"]+)"\} (\d+)/gm);
  return new Map([...found].map(([, le = "", count]) => [le, Number(count)]));
}

/** What 99 % of the samples since then stay under, by the bucket's end, seconds. */
function p99Since(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string {
  const counts = [...after].map(([le, count]) => ({ le, count: count - (before.get(le) ?? 0) }));
  const total = counts.at(-1)?.count ?? 0;
  return counts.find(({ count }) => count >= total * 0.99)?.le ?? "none";
}

test("[BR63] a crowd in one channel on three gateways, cut and resumed at once after Redis hung for 5 s, costs each gateway two reads at most, and all recover", async () => {
  const redis = await startRedis();
  await using one = await startGatewayProcess({ redisUrl: redis.url, config });
  await using two = await startGatewayProcess({ redisUrl: redis.url, config });
  await using three = await startGatewayProcess({ redisUrl: redis.url, config });
  const gateways = [one, two, three];
  const clients = Array.from(
    { length: CROWD },
    (_, index) => new CheckingClient((gateways[index % 3] ?? one).url, "room:crowd"),
  );
  await openAll(clients);
  const publisher = new Publisher(one, ["room:crowd"]);
  for (let id = 1; id <= 20; id += 1) await publisher.publish();
  await everybodyIsAt(20, clients, 20_000);
  // Half of them are away while the last ten come, so that they come back from different places.
  const away = clients.filter((_, index) => index % 2 === 0);
  for (const client of away) client.cut();
  for (let id = 1; id <= 10; id += 1) await publisher.publish();
  const reads = await countReads(redis, "room:crowd");
  redis.pause();
  setTimeout(() => redis.resume(), 5_000);
  await eventually("Redis is missed", 5_000, async () => (await metric(one, "broker_connected")) === 0);
  await eventually("Redis is back", 20_000, async () => (await metric(one, "broker_connected")) === 1);
  for (const client of clients) client.cut();
  const resumedAtMs = performance.now();
  const delaysBefore = await Promise.all(gateways.map(delaysOf));
  await inBatches(clients, (client) => client.open());
  await eventually("all are back", 60_000, () => clients.every(({ isSubscribed }) => isSubscribed));
  const backMs = Math.round(performance.now() - resumedAtMs);
  await publisher.publish();
  await everybodyIsAt(publisher.top, clients, 30_000);
  const delaysAfter = await Promise.all(gateways.map(delaysOf));
  const delays = delaysAfter.map((after, index) => p99Since(delaysBefore[index] ?? new Map(), after));
  const counts = [...reads.values()];
  console.log(
    `${CROWD} back in ${backMs} ms; reads by gateway ${counts.join(", ")}; event loop p99 under ${delays.join(", ")} s`,
  );
  expect(Math.max(0, ...counts)).toBeLessThanOrEqual(2);
  expect(problemsOf(clients)).toEqual([]);
  expect([sumOf(clients, "unrecovered"), sumOf(clients, "told")]).toEqual([0, 0]);
  expect(sumOf(clients, "recovered")).toBeGreaterThanOrEqual(CROWD);
}, 400_000);
