/** Time and chance as arguments, so that tests can hold both. The only file that reads them. */
export interface Clock {
  /** Milliseconds of a clock that never jumps; its zero is arbitrary. */
  nowMs(): number;
  /** The time of day, for token claims. */
  date(): Date;
}

/** From 0 to below 1. */
export type Random = () => number;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  date: () => new Date(),
};

export const systemRandom: Random = () => Math.random();
