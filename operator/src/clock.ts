/** Time as the operator uses it. The only file that asks the machine. */
export interface Clock {
  /** Monotonic milliseconds, for durations. */
  nowMs(): number;
  /** Wall clock, for what people read. */
  date(): Date;
  /** Calls back once; the returned function cancels. What waits keeps the process alive: an outage must not end it. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  date: () => new Date(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** The date so many milliseconds after 1970. */
export function dateAt(epochMs: number): Date {
  return new Date(epochMs);
}

/** A number from 0 to below 1. */
export type Random = () => number;

export const systemRandom: Random = Math.random;

/** Resolves after a while, or at once when the signal aborts. Never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const cancel = clock.after(ms, done);
    function done(): void {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}
