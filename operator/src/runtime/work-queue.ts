import type { Clock, Random } from "../clock.ts";
import { backoffMs } from "./backoff.ts";

const retryBaseMs = 5;
/** For what only a change of the object will mend. */
export const RETRY_CAP_MS = 1_000_000;

/**
 * Keys waiting for work, each at most once. A key that is added while it is worked on is handed out again afterwards, never to
 * two workers at a time.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ready: string[] = [];
  readonly #queued = new Set<string>();
  readonly #working = new Set<string>();
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  /** Until when the server asked to be left alone about a key, monotonic ms. */
  readonly #heldUntilMs = new Map<string, number>();
  readonly #waiters: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Keys that are due now. */
  get depth(): number {
    return this.#ready.length;
  }

  add(key: string): void {
    if (this.#closed || this.#queued.has(key)) return;
    if (this.#working.has(key)) {
      this.#dirty.add(key);
      return;
    }
    const heldMs = (this.#heldUntilMs.get(key) ?? 0) - this.#clock.nowMs();
    if (heldMs > 0) {
      this.addAfter(key, heldMs);
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#queued.add(key);
      this.#ready.push(key);
      return;
    }
    this.#working.add(key);
    waiter(key);
  }

  /** Adds later. Of several times for one key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#clock.nowMs() + ms;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined && waiting.dueMs <= dueMs) return;
    waiting?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, cancel });
  }

  /**
   * Adds after the key's own back-off, from 5 ms doubling to the cap, or after what the server asked for, if that is longer. A
   * change of the object cuts the back-off short, but not what the server asked for.
   */
  addAfterFailure(key: string, retryAfterMs = 0, capMs: number = RETRY_CAP_MS): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    if (retryAfterMs > 0) this.#heldUntilMs.set(key, this.#clock.nowMs() + retryAfterMs);
    this.addAfter(key, Math.max(retryAfterMs, backoffMs({ baseMs: retryBaseMs, capMs }, failures, this.#random())));
  }

  /** The key's back-off starts anew. */
  forget(key: string): void {
    this.#failures.delete(key);
    this.#heldUntilMs.delete(key);
  }

  /** The next key, or undefined once the queue is closed. The caller must call done() with it. */
  next(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#ready.shift();
    if (key === undefined) return new Promise((resolve) => this.#waiters.push(resolve));
    this.#queued.delete(key);
    this.#working.add(key);
    return Promise.resolve(key);
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#dirty.delete(key)) this.add(key);
  }

  /** Drops what waits; workers get undefined from next() once they are done with what they have. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#ready.length = 0;
    this.#queued.clear();
    for (const waiter of this.#waiters.splice(0)) waiter(undefined);
  }
}
