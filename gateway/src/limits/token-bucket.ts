/** So many at once, and so many a second from then on. Time is an argument; nothing runs in between. */
export class TokenBucket {
  #tokens: number | undefined;
  #filledMs = 0;

  /** Whether `cost` fits. A cost above `burst` never does. Rate and burst may change between two calls. */
  take(nowMs: number, cost: number, rate: BucketRate): boolean {
    this.#tokens = this.#fill(nowMs, rate);
    this.#filledMs = nowMs;
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  /** Whether it is as good as a new one. */
  isFull(nowMs: number, rate: BucketRate): boolean {
    return this.#fill(nowMs, rate) >= rate.burst;
  }

  /** Milliseconds until one token is there. */
  waitMs(nowMs: number, rate: BucketRate): number {
    return Math.max(0, ((1 - this.#fill(nowMs, rate)) / rate.perSecond) * 1000);
  }

  #fill(nowMs: number, { perSecond, burst }: BucketRate): number {
    const filled = this.#tokens === undefined ? burst : this.#tokens + ((nowMs - this.#filledMs) / 1000) * perSecond;
    return Math.min(burst, filled);
  }
}

export interface BucketRate {
  readonly perSecond: number;
  readonly burst: number;
}
