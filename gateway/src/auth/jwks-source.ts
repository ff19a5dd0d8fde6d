import type { Clock, Random } from "../clock.ts";
import { fetchKeys, type JwksFailure, type JwksLocation } from "./jwks-fetch.ts";
import type { VerificationKey } from "./verification-key.ts";

export interface JwksTiming {
  /** Between refreshes in the background. Default 300,000. */
  readonly refreshMs: number;
  /** First wait after a failed fetch, doubled up to `retryCapMs`. Default 1,000. */
  readonly retryMs: number;
  /** Default 30,000. */
  readonly retryCapMs: number;
  /** Least time between the starts of two fetches, however many unknown keys are asked for. Default 2,500: a token waits for the next one. */
  readonly minIntervalMs: number;
  /** For one fetch. Default 4,000. */
  readonly timeoutMs: number;
  /** Largest document, bytes. Default 262,144: a set of 100 keys with certificates. */
  readonly maxBytes: number;
}

export const DEFAULT_JWKS_TIMING: JwksTiming = {
  refreshMs: 300_000,
  retryMs: 1_000,
  retryCapMs: 30_000,
  minIntervalMs: 2_500,
  timeoutMs: 4_000,
  maxBytes: 262_144,
};

export interface JwksSourceOptions {
  readonly location: JwksLocation;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  readonly timing: JwksTiming;
  /** After every fetch. */
  readonly onFetched: (outcome: "ok" | JwksFailure, location: JwksLocation) => void;
}

/** Tokens that may wait for one fetch. More are answered as if it had failed. */
const MAX_WAITING = 1_000;

/**
 * The keys of one URL: fetched at once, again in the background, and when a token names a key that is not there, at a bounded
 * rate. While the URL is away the last good keys stay.
 */
export class JwksSource implements Disposable {
  readonly #options: JwksSourceOptions;
  readonly #closed = new AbortController();
  #keys: readonly VerificationKey[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #isFetching = false;
  #startedMs = Number.NEGATIVE_INFINITY;
  /** Start of the last fetch that gave keys. */
  #goodMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #waiting = 0;
  #ended = Promise.withResolvers<void>();

  constructor(options: JwksSourceOptions) {
    this.#options = options;
    this.#arm(0);
  }

  get keys(): readonly VerificationKey[] {
    return this.#keys;
  }

  /** The last fetch gave keys. */
  get isHealthy(): boolean {
    return this.#failures === 0 && this.#goodMs > Number.NEGATIVE_INFINITY;
  }

  /**
   * Waits until `isFound`, or until a fetch begun after this call has shown that it stays so: true in both cases. False when no
   * fetch could tell within `timeoutMs`.
   */
  async settle(isFound: () => boolean, timeoutMs: number): Promise<boolean> {
    if (this.#waiting >= MAX_WAITING) return false;
    const { clock } = this.#options;
    const arrivedMs = clock.nowMs();
    const giveUp = Promise.withResolvers<void>();
    const timer = setTimeout(giveUp.resolve, timeoutMs);
    this.#waiting += 1;
    try {
      while (!isFound() && this.#goodMs < arrivedMs) {
        if (clock.nowMs() - arrivedMs >= timeoutMs || this.#closed.signal.aborted) return false;
        // Begun after the token came, and failed.
        if (!this.#isFetching && this.#startedMs >= arrivedMs) return false;
        this.#demand();
        await Promise.race([this.#ended.promise, giveUp.promise]);
      }
      return true;
    } finally {
      this.#waiting -= 1;
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#closed.abort();
    this.#ended.resolve();
  }

  /** Fetches as soon as the rate allows. */
  #demand(): void {
    if (this.#isFetching) return;
    const { clock, timing } = this.#options;
    const nowMs = clock.nowMs();
    const dueMs = Math.max(nowMs, this.#startedMs + timing.minIntervalMs);
    if (dueMs < this.#dueMs) this.#arm(dueMs - nowMs);
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closed.signal.aborted) return;
    this.#dueMs = this.#options.clock.nowMs() + delayMs;
    this.#timer = setTimeout(() => void this.#fetch(), delayMs);
    this.#timer.unref();
  }

  async #fetch(): Promise<void> {
    const { location, clock, timing, onFetched } = this.#options;
    this.#isFetching = true;
    this.#startedMs = clock.nowMs();
    const fetched = await fetchKeys(location, timing, this.#closed.signal);
    this.#isFetching = false;
    if (this.#closed.signal.aborted) return;
    if (fetched.ok) {
      this.#keys = fetched.keys;
      this.#goodMs = this.#startedMs;
    }
    this.#failures = fetched.ok ? 0 : this.#failures + 1;
    this.#arm(this.#pauseMs());
    onFetched(fetched.ok ? "ok" : fetched.failure, location);
    const ended = this.#ended;
    this.#ended = Promise.withResolvers<void>();
    ended.resolve();
  }

  /** Spread by a tenth, so that the pods of a cluster do not ask together. */
  #pauseMs(): number {
    const { timing, random } = this.#options;
    const pauseMs =
      this.#failures === 0 ? timing.refreshMs : Math.min(timing.retryCapMs, timing.retryMs * 2 ** (this.#failures - 1));
    return pauseMs * (0.9 + 0.2 * random());
  }
}
