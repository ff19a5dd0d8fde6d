import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LoopbackProbe, type ProbeResult } from "./loopback-probe.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Watched {
  readonly probe: LoopbackProbe;
  readonly sentAtMs: number[];
  readonly rebuiltAtMs: number[];
  readonly results: ProbeResult[];
}

/** A probe every 100 ms of silence; `send` decides what becomes of it. */
function watch(send: (probe: LoopbackProbe) => Promise<number>): Watched {
  const startMs = performance.now();
  const elapsed = (): number => Math.round(performance.now() - startMs);
  const sentAtMs: number[] = [];
  const rebuiltAtMs: number[] = [];
  const results: ProbeResult[] = [];
  const probe = new LoopbackProbe({
    clock: { nowMs: () => performance.now() },
    random: () => 1,
    intervalMs: 100,
    send: () => {
      sentAtMs.push(elapsed());
      return send(probe);
    },
    isUp: () => true,
    rebuild: () => void rebuiltAtMs.push(elapsed()),
    onResult: (result) => void results.push(result),
  });
  probe.start();
  return { probe, sentAtMs, rebuiltAtMs, results };
}

test("[BR10] a healthy idle connection is probed once an interval and left alone", async () => {
  const { sentAtMs, rebuiltAtMs, results } = watch(async (probe) => {
    probe.heard();
    return 1;
  });
  await vi.advanceTimersByTimeAsync(350);
  expect(sentAtMs).toEqual([100, 200, 300]);
  expect(results).toEqual(["answered", "answered", "answered"]);
  expect(rebuiltAtMs).toEqual([]);
});

test("[BR10] a busy connection is not probed", async () => {
  const { probe, sentAtMs } = watch(() => Promise.resolve(1));
  const traffic = setInterval(() => probe.heard(), 30);
  await vi.advanceTimersByTimeAsync(1_000);
  clearInterval(traffic);
  expect(sentAtMs).toEqual([]);
});

test("[BR10] an unanswered probe rebuilds after half an interval, and ever later while that does not help", async () => {
  const { sentAtMs, rebuiltAtMs } = watch(() => Promise.resolve(1));
  await vi.advanceTimersByTimeAsync(5_000);
  // Patience 1, 2, 4, 8, 10, 10 intervals, then half an interval for the answer.
  expect(sentAtMs).toEqual([100, 350, 800, 1_650, 2_700, 3_750, 4_800]);
  expect(rebuiltAtMs).toEqual([150, 400, 850, 1_700, 2_750, 3_800, 4_850]);
});

test("[BR10] a probe that Redis sent to nobody rebuilds at once", async () => {
  const { rebuiltAtMs, results } = watch(() => Promise.resolve(0));
  await vi.advanceTimersByTimeAsync(120);
  expect(rebuiltAtMs).toEqual([100]);
  expect(results).toEqual(["lost"]);
});

test("[BR10] when the probe cannot be published, the subscriber connection is not blamed", async () => {
  const { sentAtMs, rebuiltAtMs, results } = watch(() => Promise.reject(new Error("away")));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sentAtMs.length).toBeGreaterThan(5);
  expect(rebuiltAtMs).toEqual([]);
  expect(results).toEqual([]);
});

test("[BR10] a stopped probe leaves no timer", async () => {
  const { probe } = watch(() => Promise.resolve(1));
  probe.stop();
  expect(vi.getTimerCount()).toBe(0);
});
