import { eventually, type RedisServer, startGateway, startRedis } from "@belay/testkit";
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CheckedTraffic } from "./checked-traffic.ts";
import { clientOf } from "./redis-failover.ts";

const CHANNELS = ["a", "b", "c", "d"];
const config = { channels: { unprefixed: { history: { size: 10_000, ttlSeconds: 300 } } } } as const;

type End = (redis: RedisServer) => Promise<void>;

/** As after a power failure: the file has what was synced a while ago. */
async function loseTheEnd(redis: RedisServer): Promise<void> {
  const [, folder = ""] = (await clientOf(redis).config("GET", "dir")) as readonly string[];
  await redis.kill();
  const files = await readdir(join(folder, "appendonlydir"));
  const newest = join(folder, "appendonlydir", files.find((name) => name.endsWith(".incr.aof")) ?? "");
  const { size } = await stat(newest);
  await truncate(newest, Math.floor(size * 0.7));
}

test.each<readonly [string, End]>([
  ["SIGTERM", (redis) => redis.stop()],
  ["SIGKILL", (redis) => redis.kill()],
  ["the end of its file is lost", loseTheEnd],
])(
  "[FT2] a Redis with an append-only file is restarted (%s) under traffic, again and again: no socket closes, publishers see temporary errors, nothing is lost unsaid",
  async (_name, end) => {
    const redis = await startRedis({ settings: ["--appendonly", "yes", "--appendfsync", "everysec"] });
    const gateways = [
      await startGateway({ redisUrl: redis.url, config }),
      await startGateway({ redisUrl: redis.url, config }),
    ];
    for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
    const traffic = await CheckedTraffic.start(gateways, CHANNELS, { isRestless: true });
    const begun = traffic.mark();
    await eventually("flow", 10_000, () => traffic.flows(begun));
    const flowMs: number[] = [];
    for (const awayMs of [0, 2_000]) {
      const before = traffic.errors;
      await end(redis);
      // Also so long that every connection has given up more than once.
      await new Promise((resolve) => setTimeout(resolve, awayMs));
      await eventually("refused", 5_000, () => traffic.errors > before);
      await redis.start();
      const [mark, backAtMs] = [traffic.mark(), performance.now()];
      await eventually("flow again", 20_000, () => traffic.flows(mark)).catch((error: unknown) => {
        console.log(traffic.state);
        throw error;
      });
      flowMs.push(Math.round(performance.now() - backAtMs));
    }
    await traffic.stop();
    await eventually("everybody is at the end", 10_000, () => traffic.isSettled);
    console.log(
      `flow ${flowMs.join(", ")} ms after Redis was back; ${traffic.errors} publishes refused, ` +
        `the slowest answer ${Math.round(traffic.slowestMs)} ms, ${traffic.told} times told`,
    );
    traffic.check();
    expect(Math.min(...flowMs)).toBeLessThan(3_000);
    // An epoch ends with the run of Redis, for everybody.
    expect(traffic.toldEach[0]).toBeGreaterThanOrEqual(2);
  },
  60_000,
);
