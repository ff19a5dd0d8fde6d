import {
  callApi,
  eventually,
  type RedisServer,
  type RunningGateway,
  SeededChance,
  startGateway,
  startRedis,
  TcpProxy,
} from "@belay/testkit";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { CheckedTraffic } from "./checked-traffic.ts";
import { clientOf } from "./redis-failover.ts";

const CHANNELS = ["a", "b", "c"];
const config = { channels: { unprefixed: { history: { size: 10_000, ttlSeconds: 300 }, presence: true } } } as const;
/** On each gateway two subscribers of each channel, one of them restless. */
const MEMBERS = 4;
/** Of seeds 1, 2, 3 …; more of them with BELAY_CHAOS_RUNS. */
const RUNS = Number(process.env["BELAY_CHAOS_RUNS"] ?? 1);
const STEPS = 14;

interface Scene {
  readonly redis: RedisServer;
  readonly client: Redis;
  /** Between each gateway and Redis. */
  readonly proxies: readonly TcpProxy[];
  readonly chance: SeededChance;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What may happen to a Redis and to the ways to it. None waits for the gateways. */
const DEEDS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  kill: async ({ redis, chance }) => {
    await redis.kill();
    await pause(chance.below(300));
    await redis.start();
  },
  stop: async ({ redis, chance }) => {
    await redis.stop();
    await pause(chance.below(300));
    await redis.start();
  },
  hang: async ({ redis, chance }) => {
    redis.pause();
    await pause(chance.below(2_500));
    redis.resume();
  },
  flush: ({ client }) => client.multi().flushall().script("FLUSH").exec(),
  wedge: async (scene) =>
    scene.chance.pick(scene.proxies).swallowReplies(scene.chance.pick(["belay-subscriber", "belay-publisher"])),
  cut: async (scene) => {
    const proxy = scene.chance.pick(scene.proxies);
    proxy.cut();
    await pause(scene.chance.below(1_500));
    proxy.mend();
  },
  drop: (scene) =>
    scene.client.call("CLIENT", "KILL", "TYPE", scene.chance.pick(["pubsub", "normal"]), "SKIPME", "yes"),
  evict: async ({ client, chance }) => {
    const names = await client.keys("test:*.[mst]*");
    await Promise.all(names.filter(() => chance.below(10) < 4).map((name) => client.del(name)));
  },
};

interface Begun {
  readonly scene: Scene;
  readonly traffic: CheckedTraffic;
  readonly gateways: readonly RunningGateway[];
}

async function openScene(seed: number): Promise<Begun> {
  const redis = await startRedis({ settings: ["--appendonly", "yes", "--appendfsync", "everysec"] });
  const proxies = [await TcpProxy.start(redis.port), await TcpProxy.start(redis.port)];
  const gateways = await Promise.all(
    proxies.map(({ port }) =>
      startGateway({ redisUrl: `redis://127.0.0.1:${port}`, config, brokerTiming: { probeIntervalMs: 1_000 } }),
    ),
  );
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const scene = { redis, client: clientOf(redis), proxies, chance: new SeededChance(seed) };
  return { scene, gateways, traffic: await CheckedTraffic.start(gateways, CHANNELS, { isRestless: true }) };
}

test.each(Array.from({ length: RUNS }, (_, index) => index + 1))(
  "[FT5] seed %i: Redis is killed, stopped, hung, flushed, cut off, wedged, and loses keys, at random under traffic: no socket closes, each sees the exact order or is told",
  async (seed) => {
    const { scene, traffic, gateways } = await openScene(seed);
    const done: string[] = [];
    for (let step = 0; step < STEPS; step += 1) {
      const name = scene.chance.pick(Object.keys(DEEDS));
      done.push(name);
      // Whoever does it may lose its own connection by it.
      await DEEDS[name]?.(scene).catch(() => undefined);
      await pause(scene.chance.below(500));
    }
    const mark = traffic.mark();
    await eventually("flow", 30_000, () => traffic.flows(mark)).catch((error: unknown) => {
      console.log(traffic.state);
      throw error;
    });
    await traffic.stop();
    await eventually("everybody is at the end", 15_000, () => traffic.isSettled);
    console.log(`${done.join(", ")}: ${traffic.errors} publishes refused, ${traffic.told} times told`);
    traffic.check();
    const stats = CHANNELS.flatMap((channel) => gateways.map((gateway) => ({ channel, gateway })));
    await eventually("everybody is present, and nobody else", 15_000, async () => {
      const answers = stats.map(({ channel, gateway }) => callApi(gateway, "presence_stats", { channel }));
      expect(await Promise.all(answers)).toEqual(stats.map(() => ({ result: { num_clients: MEMBERS, num_users: 1 } })));
      return true;
    });
    expect(traffic.told).toBeGreaterThan(0);
  },
  120_000,
);
