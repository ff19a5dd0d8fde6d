import { eventually, startGateway, startRedis } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { CheckedTraffic } from "./checked-traffic.ts";

const CHANNELS = ["a", "b", "c", "d"];
const config = { channels: { unprefixed: { history: { size: 10_000, ttlSeconds: 300 } } } } as const;

test.each(["stop", "kill"] as const)(
  "[FT2] a Redis with an append-only file is restarted (%s) under traffic, again and again: no socket closes, publishers see temporary errors, nothing is lost unsaid",
  async (end) => {
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
      await redis[end]();
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
    // An epoch ends with the run of Redis, for everybody.
    expect(traffic.toldEach[0]).toBeGreaterThanOrEqual(2);
  },
  60_000,
);
