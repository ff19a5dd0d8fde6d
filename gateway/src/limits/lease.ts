import type { BucketRate } from "./token-bucket.ts";

/** How long leased tokens may be used, milliseconds; what is left then is lost, and the next lease is small again. */
export const LEASE_MS = 2000;
/** Tokens of the first lease of somebody who was quiet. */
const FIRST_LEASE = 4;
/** Most tokens a pod holds for one subject: an eighth is left when more are asked for, so one call serves at least 112. */
const LARGEST_LEASE = 128;
/** Shortest wait after an empty bucket, milliseconds. */
const SHORTEST_WAIT_MS = 10;

/** What the shared bucket gave. */
export interface LeaseReply {
  readonly granted: number;
  /** Tokens left in it, with fractions. */
  readonly left: number;
}

/** Most tokens one pod may hold for a subject of this rate, asked for ones included: the bound of over-admission is made of it. */
export function largestLease({ burst }: BucketRate): number {
  return Math.max(1, Math.min(LARGEST_LEASE, Math.floor(burst / 2)));
}

/**
 * One subject's tokens on one pod. They are taken from the bucket that all pods share before they are used here, a few at a time
 * for who is quiet, up to 128 for who is fast. Pure: time is an argument and whoever holds the lease does the asking.
 */
export class Lease {
  #tokens = 0;
  #endMs = 0;
  #size = FIRST_LEASE;
  #asked: { readonly atMs: number; readonly want: number } | undefined;
  /** The bucket was empty: it is not asked before this time. */
  #askFromMs = 0;

  /** `wait`: more have to be asked for. */
  take(nowMs: number): "granted" | "refused" | "wait" {
    if (nowMs >= this.#endMs) this.#tokens = 0;
    if (this.#tokens > 0) {
      this.#tokens -= 1;
      return "granted";
    }
    return nowMs < this.#askFromMs ? "refused" : "wait";
  }

  /** How long "refused" will be the answer. */
  retryAfterMs(nowMs: number): number {
    return Math.max(0, this.#askFromMs - nowMs);
  }

  /** How many to ask the shared bucket for now; 0: not now. `waiting` messages cannot go on without. */
  wanted(nowMs: number, waiting: number, rate: BucketRate): number {
    if (this.#asked !== undefined || nowMs < this.#askFromMs) return 0;
    const held = nowMs < this.#endMs ? this.#tokens : 0;
    if (waiting === 0 && (held === 0 || held > this.#size / 8)) return 0;
    // A lease that was used up within its time was too small.
    const grown = nowMs < this.#endMs ? this.#size * 2 : FIRST_LEASE;
    this.#size = Math.min(largestLease(rate), Math.max(grown, waiting));
    return Math.max(0, this.#size - held);
  }

  asked(nowMs: number, want: number): void {
    this.#asked = { atMs: nowMs, want };
  }

  granted(nowMs: number, { granted, left }: LeaseReply, rate: BucketRate): void {
    const { atMs = nowMs, want = 0 } = this.#asked ?? {};
    this.#asked = undefined;
    const held = nowMs < this.#endMs ? this.#tokens : 0;
    this.#tokens = held + granted;
    this.#endMs = atMs + LEASE_MS;
    if (granted >= want) return;
    // Asking for each token as it drops in would be a call a message: rather what drops in within a second.
    const worthwhile = Math.min(want, Math.max(1, Math.floor(rate.perSecond)));
    this.#askFromMs = nowMs + Math.max(SHORTEST_WAIT_MS, ((worthwhile - left) / rate.perSecond) * 1000);
  }

  failed(): void {
    this.#asked = undefined;
  }

  /** Whether forgetting it changes nothing. */
  isIdle(nowMs: number): boolean {
    return this.#asked === undefined && nowMs >= this.#endMs && nowMs >= this.#askFromMs;
  }
}
