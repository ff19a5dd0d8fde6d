import type { Bans } from "./bans.ts";
import type { Quota } from "./quota.ts";

/** What holds for the whole cluster. */
export interface ClusterLimits {
  readonly quota: Quota;
  readonly bans: Bans;
  /** Resolves when the bans are known, or after a bounded time. */
  start(): Promise<void>;
  close(): Promise<void>;
}
