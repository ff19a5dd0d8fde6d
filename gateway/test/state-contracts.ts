import type { RedisRuntime, RedisTopology } from "@belay/gateway/internal";
import { inboxContract, limitsContract, revocationsContract } from "@belay/testkit";
import { type Clock, systemClock } from "../src/clock.ts";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { openRedisLimits } from "../src/limits/redis-limits.ts";
import { openRedisRevocations } from "../src/revocations/redis-revocations.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** Tells nobody: what a node learns it reads. */
const deafBus = { tell: () => Promise.resolve(), on: () => undefined };
const nothing = { [Symbol.asyncDispose]: () => Promise.resolve() };

interface SharedOptions extends RedisRuntime {
  readonly clock: Clock;
  readonly url: string | RedisTopology;
  readonly prefix: string;
}

/** Everything beside broker and registry, on a Redis that somebody else starts and ends. */
export function stateContracts(name: string, url: () => string | RedisTopology): void {
  const shared = (): SharedOptions => ({ ...testRuntime(), clock: systemClock, url: url(), prefix: "belay:" });
  inboxContract({
    name,
    nodes: 2,
    openMedium: async () => ({ open: () => openRedisInboxes(shared()), ...nothing }),
  });
  limitsContract({
    name,
    nodes: 2,
    openMedium: async () => ({
      open: () => openRedisLimits({ ...shared(), bus: deafBus, onQuotaCall: () => undefined }),
      ...nothing,
    }),
  });
  revocationsContract({
    name,
    nodes: 2,
    openMedium: async () => ({
      open: () => openRedisRevocations({ ...shared(), bus: deafBus }),
      ...nothing,
    }),
  });
}
