import {
  callApi,
  callControl,
  eventually,
  type RedisServer,
  type RunningGateway,
  startGateway,
  startRedis,
} from "@belay/testkit";
import type { LoadReport } from "@belay/protocol/control";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { CheckedTraffic } from "./checked-traffic.ts";
import { at, clientOf, openFailoverRig } from "./redis-failover.ts";

const CHANNELS = ["a", "b", "c"];
const config = { channels: { unprefixed: { history: { size: 10_000, ttlSeconds: 300 } } } } as const;
const keys = new RedisKeys("test:");
const ROUNDS = 3;

interface Rig {
  readonly redis: RedisServer;
  readonly client: Redis;
  readonly gateways: readonly RunningGateway[];
  readonly traffic: CheckedTraffic;
}

/** `replicated`: with a replica that has everything before it is seen. */
async function openRig(durability: "fast" | "replicated" = "fast"): Promise<Rig> {
  const redis = durability === "fast" ? await startRedis() : (await openFailoverRig()).primary;
  const gateways = [
    await startGateway({ redisUrl: redis.url, config, durability }),
    await startGateway({ redisUrl: redis.url, config, durability }),
  ];
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const traffic = await CheckedTraffic.start(gateways, CHANNELS, { isRestless: true });
  await flow(traffic);
  return { redis, client: clientOf(redis), gateways, traffic };
}

/** Everybody gets something that is published from now on. */
async function flow(traffic: CheckedTraffic): Promise<void> {
  const mark = traffic.mark();
  await eventually("flow", 20_000, () => traffic.flows(mark)).catch((error: unknown) => {
    console.log(traffic.state);
    throw error;
  });
}

/** Every message id, and what a newcomer would read. */
async function finish({ traffic, gateways }: Rig): Promise<void> {
  await flow(traffic);
  await traffic.stop();
  await eventually("everybody is at the end", 10_000, () => traffic.isSettled);
  traffic.check();
  for (const channel of CHANNELS) {
    const { result } = (await callApi(at(gateways, 0), "history", { channel, limit: -1 })) as {
      readonly result: { readonly publications: readonly { data: number; offset: number }[]; readonly offset: number };
    };
    // What was lost before it was stored is a hole.
    for (const numbers of [
      result.publications.map((each) => each.offset),
      result.publications.map((each) => each.data),
    ])
      expect(numbers).toEqual([...new Set(numbers)].toSorted((one, other) => one - other));
    expect(result.publications.at(-1)?.offset).toBe(result.offset);
  }
}

type Lose = (client: Redis) => Promise<unknown>;
const lose =
  (...names: readonly ((channel: string) => string)[]): Lose =>
  (client) =>
    client.del(...CHANNELS.flatMap((channel) => names.map((name) => name(channel))));
const [term, place, stream] = [
  (channel: string) => keys.partitionTerm(channel),
  (channel: string) => keys.channelMeta(channel),
  (channel: string) => keys.stream(channel),
];

const LOSSES: readonly (readonly [string, "everybody is told" | "nobody who stayed is told", Lose])[] = [
  ["everything, and the scripts", "everybody is told", (client) => client.multi().flushall().script("FLUSH").exec()],
  ["the places alone", "everybody is told", lose(place)],
  ["the terms alone", "everybody is told", lose(term)],
  ["places and streams", "everybody is told", lose(place, stream)],
  ["the streams alone", "nobody who stayed is told", lose(stream)],
  [
    "all but the newest entries",
    "nobody who stayed is told",
    (client) => Promise.all(CHANNELS.map((channel) => client.xtrim(keys.stream(channel), "MAXLEN", 1))),
  ],
  ["the scripts", "nobody who stayed is told", (client) => client.script("FLUSH")],
];

test.for(LOSSES)("[FT1] Redis loses %s under traffic: each sees the exact order or is told, %s", async (row) => {
  const [, outcome, loss] = row;
  const rig = await openRig();
  const { client, traffic } = rig;
  for (let round = 0; round < ROUNDS; round += 1) {
    await loss(client);
    await flow(traffic);
  }
  await finish(rig);
  // A stalled machine may cost some; the loss costs none.
  expect(traffic.errors).toBeLessThan(traffic.acknowledged);
  expect(traffic.toldEach).toEqual(outcome === "everybody is told" ? [ROUNDS, ROUNDS] : [0, 0]);
});

test("[FT1] with replicated durability Redis loses one of these after the other, and what waits for replicas: the same", async () => {
  const rig = await openRig("replicated");
  const { client, traffic } = rig;
  const losses = [...LOSSES.map(([, , loss]) => loss), lose((channel) => keys.awaited(channel))];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const loss of losses) {
      await loss(client);
      await flow(traffic);
    }
  }
  await finish(rig);
  console.log(`${traffic.told} times told, ${traffic.errors} publishes refused`);
  expect(traffic.toldEach[0]).toBeGreaterThanOrEqual(ROUNDS);
}, 90_000);

async function riskOf(gateway: RunningGateway): Promise<readonly unknown[]> {
  const metrics = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
  const report = (await (await callControl(gateway, "/load")).json()) as LoadReport;
  return [/^belay_gateway_redis_may_evict (\d)/m.exec(metrics)?.[1], report.redisEvicts];
}

async function infoOf(client: Redis, field: string): Promise<number> {
  return Number(new RegExp(`^${field}:(\\d+)`, "m").exec(await client.info())?.[1]);
}

test("[FT1] [FN3] Redis evicts keys by mistake under traffic: each sees the exact order or is told, and every gateway says so", async () => {
  const rig = await openRig();
  const { client, gateways, traffic } = rig;
  await client.config("SET", "maxmemory-samples", "1");
  await client.config("SET", "maxmemory-policy", "allkeys-lru");
  await client.config("SET", "maxmemory", String((await infoOf(client, "used_memory")) + 2_000_000));
  const junk = "x".repeat(10_000);
  let made = 0;
  const told = expect.stringMatching(/^maxmemory-policy is allkeys-lru, \d+ keys were evicted$/) as string;
  // Memory turns over several times a second: by its clock nothing is used longer ago than anything else.
  await eventually("ours are evicted, and all say so", 20_000, async () => {
    const names = Array.from({ length: 20 }, () => `junk:${(made += 1)}`);
    await Promise.all(names.map((name) => client.set(name, junk)));
    expect(await Promise.all(gateways.map(riskOf))).toEqual(gateways.map(() => ["1", told]));
    return at(traffic.toldEach, 0) > 2;
  });
  await client.config("SET", "maxmemory", "0");
  const evicted = await infoOf(client, "evicted_keys");
  await finish(rig);
  console.log(`${evicted} keys evicted, ${traffic.told} times told, ${traffic.errors} publishes refused`);
}, 90_000);

test("[FT1] a Redis that is full refuses publishers for now; no socket closes, and afterwards everything flows in the same epochs", async () => {
  const rig = await openRig();
  const { client, traffic } = rig;
  await client.config("SET", "maxmemory", "1");
  await eventually("refused", 10_000, () => traffic.errors > 20);
  await client.config("SET", "maxmemory", "0");
  await finish(rig);
  expect(traffic.toldEach).toEqual([0, 0]);
}, 60_000);
