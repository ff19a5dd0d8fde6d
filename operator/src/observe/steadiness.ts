import type { Clock } from "../clock.ts";

/**
 * Remembers since when something about a pod is as it is, by our own clock: clocks of nodes differ. Forgotten with the process,
 * which only makes a successor wait again.
 */
export class Steadiness {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { readonly value: boolean; readonly sinceMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that the value has been the same in every observation. */
  observe(uid: string, value: boolean): number {
    const nowMs = this.#clock.nowMs();
    const before = this.#seen.get(uid);
    if (before?.value === value) return nowMs - before.sinceMs;
    this.#seen.set(uid, { value, sinceMs: nowMs });
    return 0;
  }

  forget(uid: string): void {
    this.#seen.delete(uid);
  }
}
