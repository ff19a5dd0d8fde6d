import type { CancelTimer, Clock } from "../src/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told. */
export class FakeTime implements Clock {
  #nowMs = 1_000_000;
  readonly #timers = new Set<Timer>();

  get timers(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): CancelTimer {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** When the next timer is due. */
  get nextMs(): number | undefined {
    let next: number | undefined;
    for (const { dueMs } of this.#timers) next = Math.min(next ?? Infinity, dueMs);
    return next;
  }

  /** Runs what becomes due, in order, and lets what follows from it happen in between. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.nextMs; next !== undefined && next <= endMs; next = this.nextMs) {
      this.#nowMs = Math.max(this.#nowMs, next);
      for (const timer of this.#timers) {
        if (timer.dueMs > this.#nowMs || !this.#timers.delete(timer)) continue;
        timer.run();
      }
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** The machine slept: time went by and no timer ran. */
  sleep(byMs: number): void {
    this.#nowMs += byMs;
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
