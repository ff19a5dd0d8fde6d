import { limitsContract, revocationsContract, startRedis } from "@belay/testkit";
import { systemClock } from "../src/clock.ts";
import { memoryLimits } from "../src/limits/memory-limits.ts";
import { openRedisLimits } from "../src/limits/redis-limits.ts";
import { MemoryRevocations } from "../src/revocations/memory-revocations.ts";
import { openRedisRevocations } from "../src/revocations/redis-revocations.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** Tells nobody: what a node learns it reads. */
const deafBus = { tell: () => Promise.resolve(), on: () => undefined };
const nothing = { [Symbol.asyncDispose]: () => Promise.resolve() };
const shared = { ...testRuntime(), clock: systemClock, prefix: "belay:", bus: deafBus };

limitsContract({
  name: "memory",
  nodes: 1,
  openMedium: () => Promise.resolve({ open: () => memoryLimits(systemClock), ...nothing }),
});

limitsContract({
  name: "Redis",
  nodes: 2,
  openMedium: async () => {
    const redis = await startRedis();
    return {
      open: () => openRedisLimits({ ...shared, url: redis.url, onQuotaCall: () => undefined }),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  },
});

revocationsContract({
  name: "memory",
  nodes: 1,
  openMedium: () => Promise.resolve({ open: () => new MemoryRevocations(systemClock), ...nothing }),
});

revocationsContract({
  name: "Redis",
  nodes: 2,
  openMedium: async () => {
    const redis = await startRedis();
    return {
      open: () => openRedisRevocations({ ...shared, url: redis.url }),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  },
});
