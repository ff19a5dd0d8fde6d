/** Decides whether a hook is asked at all: an application that fails most of its requests is left alone for a while. Pure. */

export type BreakerState =
  | {
      readonly state: "closed";
      /** Begin of the window that is counted now. */
      readonly sinceMs: number;
      readonly requests: number;
      readonly failures: number;
      /** Of the window before, so that a failure just before a window's end still counts. */
      readonly before: { readonly requests: number; readonly failures: number };
    }
  | { readonly state: "open"; readonly untilMs: number }
  /** One request at a time probes; `successes` have come back. */
  | { readonly state: "half-open"; readonly isProbing: boolean; readonly successes: number };

export interface BreakerPolicy {
  readonly windowMs: number;
  /** Requests in two windows before the ratio says anything. */
  readonly minRequests: number;
  /** From 0 to 1. */
  readonly failureRatio: number;
  readonly openMs: number;
  /** Probes that must succeed, one after the other. */
  readonly probes: number;
}

/** As gRPC's and Envoy's outlier defaults go: half of at least 20 requests, looked at over ten seconds or so. */
export const BREAKER_POLICY: BreakerPolicy = {
  windowMs: 5000,
  minRequests: 20,
  failureRatio: 0.5,
  openMs: 5000,
  probes: 3,
};

const NOTHING = { requests: 0, failures: 0 } as const;

export function closedBreaker(nowMs: number): BreakerState {
  return { state: "closed", sinceMs: nowMs, ...NOTHING, before: NOTHING };
}

/** Whether a request may go out, and the state once it has. */
export function admitRequest(
  breaker: BreakerState,
  nowMs: number,
): { readonly isAdmitted: boolean; readonly next: BreakerState } {
  switch (breaker.state) {
    case "closed":
      return { isAdmitted: true, next: breaker };
    case "open":
      if (nowMs < breaker.untilMs) return { isAdmitted: false, next: breaker };
      return { isAdmitted: true, next: { state: "half-open", isProbing: true, successes: 0 } };
    case "half-open":
      return { isAdmitted: !breaker.isProbing, next: { ...breaker, isProbing: true } };
  }
}

export interface BreakerOutcome {
  readonly isFailure: boolean;
  readonly nowMs: number;
}

/** The state after an admitted request ended. */
export function settleRequest(breaker: BreakerState, outcome: BreakerOutcome, policy: BreakerPolicy): BreakerState {
  switch (breaker.state) {
    case "closed":
      return settleClosed(breaker, outcome, policy);
    case "open":
      // It began before the breaker opened: it says nothing new.
      return breaker;
    case "half-open":
      return settleProbe(breaker, outcome, policy);
  }
}

function settleClosed(
  breaker: Extract<BreakerState, { state: "closed" }>,
  { isFailure, nowMs }: BreakerOutcome,
  policy: BreakerPolicy,
): BreakerState {
  const window = roll(breaker, nowMs, policy.windowMs);
  const requests = window.requests + 1;
  const failures = window.failures + Number(isFailure);
  const seen = requests + window.before.requests;
  const failed = failures + window.before.failures;
  if (isFailure && seen >= policy.minRequests && failed / seen >= policy.failureRatio) {
    return { state: "open", untilMs: nowMs + policy.openMs };
  }
  return { ...window, requests, failures };
}

function roll(
  breaker: Extract<BreakerState, { state: "closed" }>,
  nowMs: number,
  windowMs: number,
): Extract<BreakerState, { state: "closed" }> {
  const ageMs = nowMs - breaker.sinceMs;
  if (ageMs < windowMs) return breaker;
  const { requests, failures } = breaker;
  const before = ageMs < 2 * windowMs ? { requests, failures } : NOTHING;
  return { state: "closed", sinceMs: nowMs, ...NOTHING, before };
}

function settleProbe(
  { successes }: Extract<BreakerState, { state: "half-open" }>,
  { isFailure, nowMs }: BreakerOutcome,
  policy: BreakerPolicy,
): BreakerState {
  if (isFailure) return { state: "open", untilMs: nowMs + policy.openMs };
  if (successes + 1 >= policy.probes) return closedBreaker(nowMs);
  return { state: "half-open", isProbing: false, successes: successes + 1 };
}
