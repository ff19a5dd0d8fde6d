/** Time and chance as arguments, so that tests can hold both. The only file that reads them. */
export interface Clock {
  /** Milliseconds since 1970. Goes on while the machine sleeps, and may be set back. */
  nowMs(): number;
  /** Runs once after at least `delayMs`, or after 24 days where that is less, unless the answer is called before. Never runs inside this call. */
  after(delayMs: number, run: () => void): CancelTimer;
}

/** Safe to call again, and after the timer has run. */
export type CancelTimer = () => void;

/** From 0 to below 1. */
export type Random = () => number;

/** Longer timers would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = () => Math.random();
