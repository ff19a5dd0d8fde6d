/** Notices of one batch and the pause between two: with 10,000 a second the histories are read while traffic flows. */
const BATCH = 500;
const PAUSE_MS = 50;

/**
 * Paces the word that an order was lost. SDKs subscribe again as soon as they hear it, each with a reading of the history: told
 * all at once, a large room or every room after a failover would do that in the same millisecond.
 */
export class LossNotices {
  #waiting: (() => void)[] = [];
  #left = BATCH;
  #isTimed = false;

  /** Calls `notice` now or in its turn. It must not throw. */
  tell(notice: () => void): void {
    if (!this.#isTimed) setTimeout(() => this.#next(), PAUSE_MS);
    this.#isTimed = true;
    if (this.#left === 0) {
      this.#waiting.push(notice);
      return;
    }
    this.#left -= 1;
    notice();
  }

  #next(): void {
    this.#isTimed = false;
    this.#left = BATCH;
    const waiting = this.#waiting;
    this.#waiting = waiting.slice(BATCH);
    for (const notice of waiting.slice(0, BATCH)) this.tell(notice);
  }
}
