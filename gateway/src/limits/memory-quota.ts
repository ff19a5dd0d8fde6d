import type { Clock } from "../clock.ts";
import { GRANTED, type Quota, type QuotaSubject, type QuotaVerdict } from "./quota.ts";
import type { BucketRate } from "./token-bucket.ts";
import { TokenBuckets } from "./token-buckets.ts";

const MAX_SUBJECTS = 100_000;

/** Rates of a cluster of one node. */
export class MemoryQuota implements Quota {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #buckets = new TokenBuckets(MAX_SUBJECTS);

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  take({ kind, name }: QuotaSubject, rate: BucketRate): QuotaVerdict {
    const nowMs = this.#clock.nowMs();
    const key = `${kind} ${name}`;
    if (this.#buckets.take(key, nowMs, rate)) return GRANTED;
    return { isGranted: false, retryAfterMs: this.#buckets.waitMs(key, nowMs, rate) };
  }
}
