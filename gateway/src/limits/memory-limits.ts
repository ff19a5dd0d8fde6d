import type { Clock } from "../clock.ts";
import type { ClusterLimits } from "./cluster-limits.ts";
import { MemoryBans } from "./memory-bans.ts";
import { MemoryQuota } from "./memory-quota.ts";

/** Limits of a cluster of one node. */
export function memoryLimits(clock: Pick<Clock, "nowMs">): ClusterLimits {
  return {
    quota: new MemoryQuota(clock),
    bans: new MemoryBans(clock),
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
