import { openRedisBroker } from "@belay/gateway/internal";
import { BrokerNode, eventually, startRedis } from "@belay/testkit";
import { fc } from "@fast-check/vitest";
import { Redis } from "ioredis";
import { onTestFinished, test } from "vitest";
import { MemoryBroker } from "../src/broker/memory-broker.ts";
import type { RedisDurability } from "../src/broker/redis-streams.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { ChannelModel, MODEL_TTL_MS, type ModelStep, type ModelSubject, modelSteps } from "./broker-model.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** Every sequence of steps runs on a channel of its own. */
function agreesWithModel(subject: ModelSubject): fc.IAsyncProperty<[readonly ModelStep[]]> {
  let runs = 0;
  return fc.asyncProperty(modelSteps, async (steps) => {
    const channel = `model:${(runs += 1)}`;
    const model = new ChannelModel(subject, channel);
    await subject.broker.subscribe(channel);
    for (const step of steps) await model.take(step);
    const arrived = (): boolean =>
      subject.delivered.filter((each) => each.channel === channel).length >= model.deliveredCount;
    if (!arrived()) await eventually("all delivered", 2_000, arrived);
    model.expectDelivered();
    await subject.broker.unsubscribe(channel);
    subject.delivered.length = 0;
  });
}

test("[BR30] memory: 3,000 runs of publishing, suppressing, trimming, expiring, forgetting and reading agree with the model", async () => {
  let nowMs = 0;
  const pass = (ms: number) => async (): Promise<void> => void (nowMs += ms);
  const node = await new BrokerNode(
    new MemoryBroker({
      epochPrefix: "e",
      nodeId: "n",
      clock: { nowMs: () => nowMs, date: () => new Date(nowMs) },
      metaTtlMs: MODEL_TTL_MS.meta,
    }),
  ).start();
  const subject: ModelSubject = {
    broker: node.broker,
    delivered: node.publications,
    expireHistory: pass(MODEL_TTL_MS.history),
    expireKeys: pass(MODEL_TTL_MS.key),
    loseEpoch: pass(MODEL_TTL_MS.meta),
  };
  await fc.assert(agreesWithModel(subject), { seed: 30, numRuns: 3_000 });
});

test.for<readonly [RedisDurability, number]>([
  ["fast", 500],
  ["replicated", 300],
])(
  "[BR30] Redis, %s: %i runs of publishing, suppressing, trimming, expiring, forgetting and reading agree with the model",
  async ([durability, numRuns]) => {
    const redis = await startRedis();
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    const keys = new RedisKeys("m:");
    const node = await new BrokerNode(
      openRedisBroker({ url: redis.url, prefix: "m:", nodeId: "n", ...testRuntime(), durability: () => durability }),
    ).start();
    onTestFinished(() => node.broker.close());
    const dropStream = async (channel: string): Promise<void> => void (await client.del(keys.stream(channel)));
    const subject: ModelSubject = {
      broker: node.broker,
      delivered: node.publications,
      expireHistory: dropStream,
      expireKeys: async (channel) => {
        await dropStream(channel);
        await client.del(["a", "b", "a:b"].map((key) => keys.idempotency(channel, key)));
      },
      // Alone: what is stored, and the keys, must not come back under a new epoch.
      loseEpoch: async (channel) => void (await client.del(keys.channelMeta(channel))),
    };
    await fc.assert(agreesWithModel(subject), { seed: 30, numRuns });
  },
);
