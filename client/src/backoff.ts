import type { Random } from "./clock.ts";

/** How long to wait before the next try. */
export interface Backoff {
  /** Upper bound of the first wait. */
  readonly baseMs: number;
  /** Upper bound of any. */
  readonly maxMs: number;
}

/** The part of a client's settings that decides on it. */
export interface Retrying {
  readonly backoff: Backoff;
  readonly random: Random;
}

/**
 * Anywhere between 0 and min(max, base · 2ⁿ), n from 0: full jitter, kept at the cap, so that clients that fell together do not
 * come back together. `random` is from 0 to below 1.
 */
export function backoffMs({ baseMs, maxMs }: Backoff, attempt: number, random: number): number {
  // 2 to a large power is Infinity, which min turns into the cap.
  return Math.floor(random * Math.min(maxMs, baseMs * 2 ** attempt));
}

/** The same by the settings of a client. */
export function retryMs({ backoff, random }: Retrying, attempt: number): number {
  return backoffMs(backoff, attempt, random());
}

/** The first wait after a loss: within the server's window where that is larger. */
export function firstWaitMs(backoff: Backoff, windowMs: number, random: number): number {
  return windowMs > backoff.baseMs ? Math.floor(random * windowMs) : backoffMs(backoff, 0, random);
}
