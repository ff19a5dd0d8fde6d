/** The shortest time over which anybody is asked to come back, milliseconds. */
const MIN_MS = 500;
/** The longest: nobody waits for a page for longer. */
const MAX_MS = 120_000;
/**
 * Over twice the time that admitting all of them takes: who was turned away first has the shortest time, so that early on more come
 * than evenly spread.
 */
const SPREAD = 2;

/** Counts clients that were turned away and are to come back, and says over what time (WIN3). Time is an argument. */
export class TurnedAway {
  #waiting = 0;
  #countedMs = 0;

  /** One more. Milliseconds, of which it is to wait for a random part. */
  add(nowMs: number, admittedPerSecond: number): number {
    const admitted = ((nowMs - this.#countedMs) / 1000) * admittedPerSecond;
    // No more than the longest time stands for: a flood must not be remembered for hours.
    const most = (MAX_MS / 1000 / SPREAD) * admittedPerSecond;
    this.#waiting = Math.min(Math.max(0, this.#waiting - admitted) + 1, Math.max(1, most));
    this.#countedMs = nowMs;
    const ms = Math.ceil((SPREAD * this.#waiting * 1000) / admittedPerSecond);
    return Math.min(MAX_MS, Math.max(MIN_MS, ms));
  }
}
