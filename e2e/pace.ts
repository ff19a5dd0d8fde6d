import { setTimeout as sleep } from "node:timers/promises";

export interface PaceOptions {
  readonly perSecond: number;
  readonly everyMs: number;
  readonly isStopped: () => boolean;
}

/**
 * How many are due since the beginning, told again and again until it is stopped: by the clock, not by counting pauses, because a
 * busy machine must not lower the rate.
 */
export async function* paced({ perSecond, everyMs, isStopped }: PaceOptions): AsyncGenerator<number, void> {
  const startedMs = performance.now();
  while (!isStopped()) {
    yield Math.floor(((performance.now() - startedMs) * perSecond) / 1000);
    await sleep(everyMs);
  }
}
