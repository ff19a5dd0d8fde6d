import { setTimeout as sleep } from "node:timers/promises";

export interface Patience {
  /** Fails after this long. */
  readonly withinMs: number;
  readonly everyMs?: number;
}

/**
 * Asks until the answer is not `undefined`, and says how long that took. A thrown error counts as "not yet"; the last one is
 * the cause of the failure, so that a time-out tells what was seen instead.
 */
export async function eventually<T>(
  what: string,
  { withinMs, everyMs = 100 }: Patience,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<{ readonly value: T; readonly tookMs: number }> {
  const started = performance.now();
  let last: unknown = "nothing seen";
  for (;;) {
    try {
      const value = await ask();
      if (value !== undefined) return { value, tookMs: Math.round(performance.now() - started) };
    } catch (error) {
      last = error;
    }
    if (performance.now() - started > withinMs) {
      throw new Error(`${what}: not within ${withinMs} ms (${last instanceof Error ? last.message : String(last)})`, {
        cause: last,
      });
    }
    await sleep(everyMs);
  }
}

/** The same for a condition. */
export function eventuallyTrue(
  what: string,
  patience: Patience,
  ask: () => Promise<boolean> | boolean,
): Promise<{ readonly tookMs: number }> {
  return eventually(what, patience, async () => ((await ask()) ? true : undefined));
}
