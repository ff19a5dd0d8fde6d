/** So many at once, and so many a second from then on. Time is an argument; nothing runs in between. */
export class TokenBucket {
  #tokens: number | undefined;
  #filledMs = 0;

  /** Whether `cost` fits. A cost above `burst` never does. Rate and burst may change between two calls. */
  take(nowMs: number, cost: number, { perSecond, burst }: BucketRate): boolean {
    const filled = this.#tokens === undefined ? burst : this.#tokens + ((nowMs - this.#filledMs) / 1000) * perSecond;
    this.#filledMs = nowMs;
    this.#tokens = Math.min(burst, filled);
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }
}

export interface BucketRate {
  readonly perSecond: number;
  readonly burst: number;
}
