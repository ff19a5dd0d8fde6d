import { type BrokerPublication, openRedisBroker, type Position } from "@belay/gateway/internal";
import { BrokerNode, startRedis } from "@belay/testkit";
import { fc } from "@fast-check/vitest";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { MemoryBroker } from "../src/broker/memory-broker.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import {
  RecoveryRun,
  type RecoveryMedium,
  recoverySettings,
  type RecoveryStep,
  recoverySteps,
} from "./recovery-model.ts";
import type { RecoveryCounts } from "./recovering-client.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** Thousands of runs on a machine that may be busy. */
const PATIENCE = { timeout: 180_000 };
const META_TTL_MS = 86_400_000;

function zeroCounts(): RecoveryCounts {
  return { recovered: 0, filled: 0, unrecovered: 0, told: 0, pushed: 0 };
}

/** Every sequence of steps runs on a node, a channel and clients of its own. */
async function exactness(
  medium: RecoveryMedium,
  counts: RecoveryCounts,
): Promise<fc.IAsyncProperty<[readonly RecoveryStep[]]>> {
  const settings = await recoverySettings();
  let runs = 0;
  return fc.asyncProperty(recoverySteps, async (steps) => {
    const channel = `c${(runs += 1)}`;
    await medium.broker.subscribe(channel);
    const run = new RecoveryRun(medium, settings, { channel, counts });
    for (const step of steps) await run.take(step);
    await run.settle();
    await medium.broker.unsubscribe(channel);
  });
}

/** Takes one publication out of what a node has heard. */
async function take(heard: BrokerPublication[], { offset, epoch }: Position): Promise<BrokerPublication> {
  const find = (): number => heard.findIndex(({ position }) => position.offset === offset && position.epoch === epoch);
  // Polled every turn: it is there within one or two, and there are thousands.
  for (let turns = 0; find() === -1 && turns < 100_000; turns += 1)
    await new Promise((resolve) => setImmediate(resolve));
  const [publication] = heard.splice(find(), 1);
  if (publication === undefined) throw new Error("heard and gone");
  return publication;
}

/** The promises were needed often enough for the runs to mean something. */
function expectBusy(counts: RecoveryCounts, runs: number): void {
  console.log(`${runs} runs:`, counts);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(runs / 20);
}

test(
  "[BR31] memory: 10,000 runs of cut, resume, publish, trim, epoch change, duplicate and reorder: a client sees the channel's exact order, or is told",
  PATIENCE,
  async () => {
    let nowMs = 0;
    const node = await new BrokerNode(
      new MemoryBroker({
        epochPrefix: "e",
        nodeId: "n",
        clock: { nowMs: () => nowMs, date: () => new Date(nowMs) },
        metaTtlMs: META_TTL_MS,
      }),
    ).start();
    const counts = zeroCounts();
    const medium: RecoveryMedium = {
      broker: node.broker,
      heard: (_, position) => take(node.publications, position),
      loseEpoch: async () => void (nowMs += META_TTL_MS),
    };
    await fc.assert(await exactness(medium, counts), { seed: 31, numRuns: 10_000 });
    expectBusy(counts, 10_000);
  },
);

test("[BR31] Redis: 2,000 runs of the same", PATIENCE, async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const keys = new RedisKeys("r:");
  const broker = openRedisBroker({ url: redis.url, prefix: "r:", nodeId: "n", ...testRuntime() });
  onTestFinished(() => broker.close());
  const node = await new BrokerNode(broker).start();
  let lost = 0;
  // What Redis may forget, and what it finds after a restart and after a failover.
  const losses: readonly ((channel: string) => Promise<unknown>)[] = [
    (channel) => client.del(keys.channelMeta(channel)),
    (channel) => client.del(keys.partitionTerm(channel)),
    (channel) => client.hset(keys.partitionTerm(channel), "run", "another process"),
    (channel) => client.hset(keys.partitionTerm(channel), "id", "another history"),
    () => client.multi().flushall().script("FLUSH").exec(),
  ];
  const counts = zeroCounts();
  const medium: RecoveryMedium = {
    broker,
    heard: (_, position) => take(node.publications, position),
    loseEpoch: async (channel) => void (await losses[(lost += 1) % losses.length]?.(channel)),
  };
  await fc.assert(await exactness(medium, counts), { seed: 31, numRuns: 2_000 });
  expectBusy(counts, 2_000);
});
