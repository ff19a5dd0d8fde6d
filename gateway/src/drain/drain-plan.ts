/**
 * How many connections a drain asks to leave now, and when it looks again. Pure: the drainer carries it out.
 *
 *   rate   = max(rate asked for, not yet asked ÷ seconds left), at most what the pods that stay take; a quarter of it at first, and all
 *            of it after a tenth of the time, 3 s at most: a pod that has just started has compiled nothing yet
 *   budget = what was left of the last share + rate × seconds since, at most what two ticks allow
 *   wake   = one tick, give or take half of it, so that the pods of a cluster do not close in step
 *
 * Clients that move need time between the question and their leaving: seconds left are counted to `reserveMs` before the deadline.
 */
import type { DrainPolicy } from "@belay/protocol/control";

export interface DrainProgress {
  readonly nowMs: number;
  /** When the drain began. */
  readonly startedMs: number;
  /** When the plan was asked last. */
  readonly lastMs: number;
  readonly deadlineMs: number;
  readonly policy: DrainPolicy;
  readonly ratePerSecond: number;
  /** Connections that the pods which stay take per second. */
  readonly capacityPerSecond: number;
  /** Connections that there are. */
  readonly remaining: number;
  /** Those of them that nobody has asked to leave. */
  readonly unasked: number;
  /** What the last ones asked get before the deadline; 0 where nobody needs it. */
  readonly reserveMs: number;
  /** What the last step left over; below 1 in the long run. */
  readonly carry: number;
  /** From 0 to below 1. */
  readonly random: number;
}

export type DrainStep =
  | { readonly kind: "ask"; readonly count: number; readonly carry: number; readonly wakeMs: number }
  /** The deadline has come. */
  | { readonly kind: "force" | "abort" }
  | { readonly kind: "done" };

/** Time between two looks, milliseconds. */
export const DRAIN_TICK_MS = 50;
/** How long the pods that stay are spared, at most, and as a part of the whole; what is asked of them at first, as a part of the rate. */
const MAX_COLD_MS = 3000;
const COLD_PART = 0.1;
const FIRST_PART = 0.25;

export function planDrain(progress: DrainProgress): DrainStep {
  const { nowMs, lastMs, deadlineMs, policy, remaining, unasked, random } = progress;
  if (remaining === 0) return { kind: "done" };
  const isOver = nowMs >= deadlineMs;
  if (isOver && policy === "ForceClose") return { kind: "force" };
  if (isOver && policy === "Abort") return { kind: "abort" };
  const wanted = isOver ? progress.ratePerSecond : Math.max(progress.ratePerSecond, neededRate(progress));
  const rate = Math.min(wanted, progress.capacityPerSecond) * warmth(progress);
  // A stalled loop must not answer for the time it slept with a burst.
  const elapsedMs = Math.min(nowMs - lastMs, DRAIN_TICK_MS * 2);
  const budget = progress.carry + (rate * elapsedMs) / 1000;
  const count = Math.min(Math.floor(budget), unasked);
  const tickMs = DRAIN_TICK_MS * (0.5 + random);
  // A share that nobody was there for is not kept for those who come.
  const carry = Math.min(budget - count, 1);
  return { kind: "ask", count, carry, wakeMs: isOver ? tickMs : Math.min(tickMs, deadlineMs - nowMs) };
}

type Start = Pick<DrainProgress, "nowMs" | "startedMs" | "deadlineMs">;

/** The part of the rate that is used: from a quarter at first to all of it. */
function warmth(start: Start): number {
  return 1 - ((1 - FIRST_PART) * coldLeftMs(start)) / Math.max(1, coldMs(start));
}

function coldMs({ startedMs, deadlineMs }: Start): number {
  return Math.min(MAX_COLD_MS, (deadlineMs - startedMs) * COLD_PART);
}

function coldLeftMs(start: Start): number {
  return Math.max(0, start.startedMs + coldMs(start) - start.nowMs);
}

/** So that everybody is asked in time. In the reserve itself half of what is left: later nobody could move at all. */
function neededRate({ nowMs, deadlineMs, reserveMs, unasked }: DrainProgress): number {
  const leftMs = Math.max(deadlineMs - reserveMs - nowMs, (deadlineMs - nowMs) / 2);
  return (unasked * 1000) / (reserveMs === 0 ? deadlineMs - nowMs : leftMs);
}

/** Connections that cannot be asked before the deadline, because the pods that stay take no more: the policy decides about them. */
export function lateConnections({
  unasked,
  capacityPerSecond,
  ...start
}: Start & Pick<DrainProgress, "unasked" | "capacityPerSecond">): number {
  const lostMs = (coldLeftMs(start) * (1 - warmth(start))) / 2;
  const leftSeconds = Math.max(0, start.deadlineMs - start.nowMs - lostMs) / 1000;
  return Math.max(0, Math.ceil(unasked - capacityPerSecond * leftSeconds));
}
