import type { DrainStatus } from "./drain.ts";

/** Answer of `GET /load` on the control port: what the operator plans and scales by. */
export interface LoadReport {
  readonly podUid: string;
  readonly revision: string;
  /** Open client connections. */
  readonly connections: number;
  readonly ready: boolean;
  /** Why the pod is not ready; empty while it is. */
  readonly notReadyReason: string;
  /** Whether this pod reaches its broker; `true` for the memory broker. */
  readonly brokerConnected: boolean;
  readonly drain: DrainStatus;
}
