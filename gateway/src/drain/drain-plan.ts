/**
 * How many connections a drain closes now, and when it looks again. Pure: the drainer carries it out.
 *
 *   rate   = max(rate asked for, remaining ÷ seconds left)
 *   budget = what was left of the last share + rate × seconds since, at most what two ticks allow
 *   wake   = one tick, give or take half of it, so that the pods of a cluster do not close in step
 */

export interface DrainProgress {
  readonly nowMs: number;
  /** When the plan was asked last. */
  readonly lastMs: number;
  readonly deadlineMs: number;
  readonly ratePerSecond: number;
  readonly remaining: number;
  /** What the last step left over; below 1 in the long run. */
  readonly carry: number;
  /** From 0 to below 1. */
  readonly random: number;
}

export type DrainStep =
  | { readonly kind: "close"; readonly count: number; readonly carry: number; readonly wakeMs: number }
  | { readonly kind: "force" }
  | { readonly kind: "done" };

/** Time between two looks, milliseconds. */
export const DRAIN_TICK_MS = 50;

export function planDrain(progress: DrainProgress): DrainStep {
  const { nowMs, lastMs, deadlineMs, remaining, random } = progress;
  if (remaining === 0) return { kind: "done" };
  if (nowMs >= deadlineMs) return { kind: "force" };
  const rate = Math.max(progress.ratePerSecond, (remaining * 1000) / (deadlineMs - nowMs));
  // A stalled loop must not answer for the time it slept with a burst.
  const elapsedMs = Math.min(nowMs - lastMs, DRAIN_TICK_MS * 2);
  const budget = progress.carry + (rate * elapsedMs) / 1000;
  const count = Math.min(Math.floor(budget), remaining);
  const tickMs = DRAIN_TICK_MS * (0.5 + random);
  return { kind: "close", count, carry: budget - count, wakeMs: Math.min(tickMs, deadlineMs - nowMs) };
}
