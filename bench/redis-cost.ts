/** What a publication costs Redis, beside `redis-benchmark` publishing the same bytes to the same server in the same run. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openRedisBroker } from "../gateway/src/broker/redis-broker.ts";
import { systemClock, systemRandom } from "../gateway/src/clock.ts";
import { type RedisServer, startRedis } from "../testkit/src/redis.ts";

export interface Cost {
  readonly what: string;
  readonly perSecond: number;
  /** Of Redis, user and system, microseconds for one publication. */
  readonly cpuMicros: number;
}

const run = promisify(execFile);
const COUNT = 60_000;
const IN_FLIGHT = 500;
const CHANNELS = 100;
const DATA = Buffer.from(JSON.stringify({ text: "x".repeat(119) }));

/** Each is measured on the same server, one after the other. */
export async function redisCosts(): Promise<readonly Cost[]> {
  await using redis = await startRedis();
  const peer = await measured(redis, "redis-benchmark PUBLISH", () => benchmark(redis));
  const history = { size: 100, ttlMs: 60_000 };
  const stored = await measured(redis, "publish, history of 100", () => publishAll(redis, { history }));
  const unstored = await measured(redis, "publish, no history", () => publishAll(redis, {}));
  const ephemeral = await measured(redis, "publish, ephemeral", () => publishAll(redis, "ephemeral"));
  return [peer, stored, unstored, ephemeral];
}

async function measured(redis: RedisServer, what: string, work: () => Promise<void>): Promise<Cost> {
  const [cpuBefore, startMs] = [await cpuSeconds(redis), performance.now()];
  await work();
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = (await cpuSeconds(redis)) - cpuBefore;
  return { what, perSecond: COUNT / seconds, cpuMicros: (cpu * 1e6) / COUNT };
}

async function cpuSeconds({ port }: RedisServer): Promise<number> {
  const { stdout } = await run("redis-cli", ["-p", String(port), "INFO", "cpu"]);
  const read = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(stdout)?.[1]);
  return read("used_cpu_user") + read("used_cpu_sys");
}

async function benchmark({ port }: RedisServer): Promise<void> {
  const load = ["-n", String(COUNT), "-c", "50", "-P", "16", "-q"];
  await run("redis-benchmark", ["-p", String(port), ...load, "PUBLISH", "channel", DATA.toString()]);
}

function ignore(): void {
  // What comes back is not measured here.
}

type Kind = "ephemeral" | { readonly history?: { readonly size: number; readonly ttlMs: number } };

/** Through the broker of one gateway, so many under way at any time. */
async function publishAll({ url }: RedisServer, kind: Kind): Promise<void> {
  const quiet = { info: () => undefined, warn: () => undefined };
  const runtime = { clock: systemClock, random: systemRandom, log: quiet };
  const broker = openRedisBroker({ url, prefix: "bench:", nodeId: "bench", ...runtime });
  await broker.start({ onPublication: ignore, onPresenceEvent: ignore, onNodeMessage: ignore, onConnected: ignore });
  try {
    let made = 0;
    const publishOn = async (): Promise<void> => {
      while (made < COUNT) {
        made += 1;
        const content = { channel: `room:${made % CHANNELS}`, data: DATA };
        if (kind === "ephemeral") await broker.publishEphemeral({ ...content, key: "bench" });
        else await broker.publish({ ...content, ...kind });
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, publishOn));
  } finally {
    await broker.close();
  }
}
