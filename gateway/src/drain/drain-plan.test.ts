import { expect, test } from "vitest";
import { fc } from "@fast-check/vitest";
import { DRAIN_TICK_MS, type DrainProgress, planDrain } from "./drain-plan.ts";

interface Run {
  /** Closed per second of the run. */
  readonly perSecond: readonly number[];
  readonly largestStep: number;
  readonly forced: number;
  readonly tookMs: number;
}

/** Runs a whole drain on a made-up clock. */
function run({
  connections,
  ratePerSecond,
  deadlineMs,
  random,
}: {
  connections: number;
  ratePerSecond: number;
  deadlineMs: number;
  random: () => number;
}): Run {
  const perSecond: number[] = [];
  let progress: DrainProgress = {
    nowMs: 0,
    startedMs: 0,
    lastMs: 0,
    deadlineMs,
    ratePerSecond,
    policy: "ForceClose",
    capacityPerSecond: 1_000_000,
    remaining: connections,
    unasked: connections,
    reserveMs: 0,
    carry: 0,
    random: random(),
  };
  let largestStep = 0;
  for (;;) {
    const step = planDrain(progress);
    if (step.kind === "done") return { perSecond, largestStep, forced: 0, tookMs: progress.nowMs };
    if (step.kind !== "ask") return { perSecond, largestStep, forced: progress.remaining, tookMs: progress.nowMs };
    const second = Math.floor(progress.nowMs / 1000);
    perSecond[second] = (perSecond[second] ?? 0) + step.count;
    largestStep = Math.max(largestStep, step.count);
    progress = {
      ...progress,
      lastMs: progress.nowMs,
      nowMs: progress.nowMs + step.wakeMs,
      remaining: progress.remaining - step.count,
      unasked: progress.unasked - step.count,
      carry: step.carry,
      random: random(),
    };
  }
}

const half = () => 0.5;

test("[DRN1] at 100 a second 1,000 connections are closed evenly in 10 seconds and what it takes to begin slowly", () => {
  const { perSecond, largestStep, forced, tookMs } = run({
    connections: 1000,
    ratePerSecond: 100,
    deadlineMs: 60_000,
    random: half,
  });
  expect(forced).toBe(0);
  expect(tookMs / 1000).toBeCloseTo(11.1, 0);
  expect(Math.max(...perSecond)).toBeLessThanOrEqual(105);
  // 25, 50 and 75 % as the first three seconds begin.
  expect(perSecond.slice(0, 3).map((count) => Math.round(count / 5) * 5)).toEqual([35, 60, 85]);
  expect(Math.min(...perSecond.slice(3, 10))).toBeGreaterThanOrEqual(95);
  expect(largestStep).toBeLessThanOrEqual(6);
});

test("[DRN1] a deadline too near for the rate raises it to remaining / seconds left", () => {
  const { perSecond, forced } = run({ connections: 3000, ratePerSecond: 10, deadlineMs: 10_000, random: half });
  expect(Math.min(...perSecond.slice(1, 8))).toBeGreaterThanOrEqual(300);
  expect(Math.max(...perSecond.slice(1, 8))).toBeLessThanOrEqual(330);
  expect(forced).toBeLessThanOrEqual(20);
});

test("[DRN1] a rate below one a tick closes single connections, not none", () => {
  const { tookMs } = run({ connections: 10, ratePerSecond: 2, deadlineMs: 60_000, random: half });
  expect(tookMs).toBeGreaterThanOrEqual(5600);
  expect(tookMs).toBeLessThanOrEqual(6600);
});

const SOME: DrainProgress = {
  nowMs: 10_000,
  startedMs: 0,
  lastMs: 9950,
  deadlineMs: 600_000,
  policy: "ForceClose",
  ratePerSecond: 100,
  capacityPerSecond: 10_000,
  remaining: 5000,
  unasked: 5000,
  reserveMs: 0,
  carry: 0,
  random: 0,
};

function rateAt(nowMs: number, deadlineMs: number): number {
  const step = planDrain({ ...SOME, nowMs, lastMs: nowMs - DRAIN_TICK_MS, deadlineMs, ratePerSecond: 10_000 });
  return step.kind === "ask" ? (step.count * 1000) / DRAIN_TICK_MS : Number.NaN;
}

test("[DRN1] a drain begins with a quarter of the rate and is at the whole of it after a tenth of its time, or 3 s", () => {
  expect([0, 1500, 3000, 9000].map((nowMs) => rateAt(nowMs, 60_000))).toEqual([2500, 6240, 10_000, 10_000]);
  expect([0, 500, 1000].map((nowMs) => rateAt(nowMs, 10_000))).toEqual([2500, 6240, 10_000]);
});

test("[DRN1] a stalled event loop does not answer with a burst", () => {
  expect(planDrain({ ...SOME, lastMs: 0 })).toMatchObject({ kind: "ask", count: (100 * DRAIN_TICK_MS * 2) / 1000 });
});

test.each([
  ["ForceClose", { kind: "force" }],
  ["Abort", { kind: "abort" }],
  ["Wait", { kind: "ask", count: 5, wakeMs: 25 }],
] as const)("[DRN2] at the deadline %s decides about those who are left", (policy, step) => {
  const atDeadline = { ...SOME, policy, nowMs: 600_010, lastMs: 599_960 };
  expect(planDrain(atDeadline)).toMatchObject(step);
  expect(planDrain({ ...atDeadline, remaining: 0, unasked: 0 })).toEqual({ kind: "done" });
});

test("[DRN8] those who move are asked before the reserve, and nobody twice", () => {
  const { kind, ...step } = planDrain({ ...SOME, deadlineMs: 20_000, reserveMs: 5000, unasked: 2000 });
  // 2,000 in 5 s, in a tick of 50 ms.
  expect([kind, step]).toMatchObject(["ask", { count: 20 }]);
  expect(planDrain({ ...SOME, unasked: 0 })).toMatchObject({ kind: "ask", count: 0 });
  const inReserve = planDrain({ ...SOME, nowMs: 16_000, lastMs: 15_950, deadlineMs: 20_000, reserveMs: 5000 });
  // 5,000 in half of the 4 s that are left.
  expect(inReserve).toMatchObject({ kind: "ask", count: 125 });
});

test("[DRN1] what nobody was there for is not made up for later", () => {
  const idle = planDrain({ ...SOME, unasked: 0, carry: 3 });
  expect(idle).toMatchObject({ kind: "ask", count: 0, carry: 1 });
});

test("[DRN1] any drain ends by its deadline and no step closes more than two ticks' share", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 100, max: 60_000 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (connections, ratePerSecond, deadlineMs, randoms) => {
        const { tookMs, perSecond, forced } = run({
          connections,
          ratePerSecond,
          deadlineMs,
          random: () => Number(randoms.next().value),
        });
        expect(tookMs).toBeLessThanOrEqual(deadlineMs + 1);
        expect(perSecond.reduce((sum, count) => sum + count, 0) + forced).toBe(connections);
      },
    ),
    { numRuns: 200 },
  );
});
