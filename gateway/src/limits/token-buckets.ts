import { type BucketRate, TokenBucket } from "./token-bucket.ts";

/** Token buckets by name, in bounded memory: a full bucket is as good as none, and beyond `max` the oldest begins anew. */
export class TokenBuckets {
  readonly #max: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#buckets.size;
  }

  take(name: string, nowMs: number, rate: BucketRate): boolean {
    return this.#bucket(name, nowMs, rate).take(nowMs, 1, rate);
  }

  /** Milliseconds until the next token. */
  waitMs(name: string, nowMs: number, rate: BucketRate): number {
    return this.#buckets.get(name)?.waitMs(nowMs, rate) ?? 0;
  }

  #bucket(name: string, nowMs: number, rate: BucketRate): TokenBucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    // Two looks for each new one: the map shrinks as fast as it can grow.
    this.#look(nowMs, rate);
    this.#look(nowMs, rate);
    const made = new TokenBucket();
    this.#buckets.set(name, made);
    return made;
  }

  /** The oldest goes when it is full again or there are too many, else to the end of the line. */
  #look(nowMs: number, rate: BucketRate): void {
    const oldest = this.#buckets.entries().next();
    if (oldest.done === true) return;
    const [name, bucket] = oldest.value;
    this.#buckets.delete(name);
    if (!bucket.isFull(nowMs, rate) && this.#buckets.size < this.#max - 1) this.#buckets.set(name, bucket);
  }
}
