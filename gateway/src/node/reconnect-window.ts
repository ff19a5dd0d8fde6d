/**
 * Over what time the clients of this pod come back when it dies without a word (E4). Pure.
 *
 *   window = clients of this pod ÷ (two thirds of the handshakes a second that a pod takes × other live pods)
 */

export interface Surroundings {
  /** Clients of this pod. */
  readonly clients: number;
  /** That one pod takes. */
  readonly handshakesPerSecond: number;
  /** Live pods beside this one; where there is none, the one that takes its place is alone. */
  readonly otherPods: number;
}

/** The smallest window, milliseconds: a few clients need not wait, but never come in one instant. */
export const MIN_WINDOW_MS = 500;
/** The largest: longer than that nobody waits for a page. */
export const MAX_WINDOW_MS = 120_000;

/**
 * What is free of a pod's handshakes. The rest is for clients that come anew, and for windows that are out of date: a client is told
 * of another one only when it differs by half.
 */
const FREE_PART = 2 / 3;

/** Handshakes a second that the pods which stay have free together. */
export function capacityOf({ handshakesPerSecond, otherPods }: Omit<Surroundings, "clients">): number {
  return FREE_PART * handshakesPerSecond * Math.max(1, otherPods);
}

/** Whole milliseconds. */
export function reconnectWindowMs(surroundings: Surroundings): number {
  const neededMs = Math.ceil((surroundings.clients * 1000) / capacityOf(surroundings));
  return Math.min(MAX_WINDOW_MS, Math.max(MIN_WINDOW_MS, neededMs));
}

/** Whether clients that know `toldMs` are told again: by more than half of it. */
export function isWorthTelling(toldMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - toldMs) > toldMs / 2;
}
