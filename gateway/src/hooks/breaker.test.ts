import { expect, test } from "vitest";
import { admitRequest, type BreakerPolicy, type BreakerState, closedBreaker, settleRequest } from "./breaker.ts";

const policy: BreakerPolicy = { windowMs: 1000, minRequests: 4, failureRatio: 0.5, openMs: 500, probes: 2 };

function settled(breaker: BreakerState, outcomes: string, nowMs: number): BreakerState {
  return outcomes
    .split("")
    .reduce<BreakerState>((state, each) => settleRequest(state, { isFailure: each === "x", nowMs }, policy), breaker);
}

test.each([
  ["too few requests", "xxx", "closed"],
  ["failures below the ratio", "....xxx", "closed"],
  ["half of them", "..xx", "open"],
  ["all of them", "xxxx", "open"],
  ["success settles nothing", "xx..", "closed"],
])("[HOK9] %s: %s → %s", (_title, outcomes, state) => {
  expect(settled(closedBreaker(0), outcomes, 10).state).toBe(state);
});

test("[HOK9] what is older than two windows is forgotten; what is in the one before still counts", () => {
  const failing = settled(closedBreaker(0), "xxx", 900);
  expect(settled(failing, "x", 1100).state).toBe("open");
  expect(settled(failing, "x", 2000).state).toBe("closed");
});

test("[HOK9] an open breaker admits nothing, then one probe at a time, and closes after enough of them", () => {
  const open = settled(closedBreaker(0), "xxxx", 100);
  expect(admitRequest(open, 599).isAdmitted).toBe(false);
  const first = admitRequest(open, 600);
  expect(first.isAdmitted).toBe(true);
  expect(admitRequest(first.next, 600).isAdmitted).toBe(false);
  const second = admitRequest(settled(first.next, ".", 610), 610);
  expect([second.isAdmitted, second.next.state]).toEqual([true, "half-open"]);
  const closed = settled(second.next, ".", 620);
  expect(closed).toEqual(closedBreaker(620));
});

test("[HOK9] a failed probe opens it again, and late answers of before change nothing", () => {
  const open = settled(closedBreaker(0), "xxxx", 100);
  expect(settled(open, "...x", 200)).toBe(open);
  const probing = admitRequest(open, 600).next;
  expect(settled(probing, "x", 650)).toEqual({ state: "open", untilMs: 1150 });
});
