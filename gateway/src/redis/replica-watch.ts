/** A process that follows a primary. */
export interface KnownReplica {
  /** `host:port`. */
  readonly address: string;
  /** Undefined while nobody could ask for it. */
  readonly runId: string | undefined;
}

export interface WatchedReplicas {
  /** Run id of the primary. */
  readonly primary: string;
  /** Those that have everything. */
  readonly confirmed: readonly KnownReplica[];
  /** Those that follow and do not. */
  readonly late: readonly KnownReplica[];
}

/** A replica that is late or gone is missed for this time, ms: a primary that was cut off is found and replaced meanwhile. */
export const MISSED_MS = 15_000;

interface Replica {
  runId: string | undefined;
  primary: string;
  missingSinceMs: number | undefined;
}

/**
 * Remembers who follows which primary, so that one that is gone is missed for a while: it may be the next primary. Over a failover
 * the others are those that are expected at the promoted one.
 */
export class ReplicaWatch {
  readonly #replicas = new Map<string, Replica>();

  /** Whether everybody who was there lately has everything. */
  isComplete({ primary, confirmed, late }: WatchedReplicas, nowMs: number): boolean {
    this.#inherit(primary);
    for (const replica of confirmed) this.#note(replica, primary).missingSinceMs = undefined;
    for (const replica of late) this.#note(replica, primary).missingSinceMs ??= nowMs;
    let isComplete = true;
    for (const [address, replica] of this.#replicas) {
      if (replica.primary !== primary || confirmed.some((each) => each.address === address)) continue;
      replica.missingSinceMs ??= nowMs;
      if (nowMs - replica.missingSinceMs < MISSED_MS) isComplete = false;
      // One that follows stays left out; one that is gone is new when it comes back.
      else if (!late.some((each) => each.address === address)) this.#replicas.delete(address);
    }
    return isComplete;
  }

  /** It was a replica itself: the others of its former primary are to follow it. */
  #inherit(primary: string): void {
    for (const [address, { runId, primary: former }] of this.#replicas) {
      if (runId !== primary || former === primary) continue;
      this.#replicas.delete(address);
      for (const replica of this.#replicas.values()) if (replica.primary === former) replica.primary = primary;
    }
  }

  #note({ address, runId }: KnownReplica, primary: string): Replica {
    const known = this.#replicas.get(address);
    const replica = { runId: runId ?? known?.runId, primary, missingSinceMs: known?.missingSinceMs };
    this.#replicas.set(address, replica);
    return replica;
  }
}
