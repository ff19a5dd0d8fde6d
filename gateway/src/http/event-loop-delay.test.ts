import { Registry } from "prom-client";
import { expect, onTestFinished, test, vi } from "vitest";
import { EventLoopDelay } from "./event-loop-delay.ts";

/** Samples up to each bucket, after `lateMs` of delay at every timer. */
async function bucketsOf(lateMs: readonly number[]): Promise<ReadonlyMap<string, number>> {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const registry = new Registry();
  let extraMs = 0;
  const start = performance.now();
  const delay = new EventLoopDelay(registry, { nowMs: () => performance.now() - start + extraMs });
  delay.start();
  for (const late of lateMs) {
    extraMs += late;
    await vi.advanceTimersByTimeAsync(20);
  }
  delay.stop();
  const text = await registry.metrics();
  return new Map([...text.matchAll(/_bucket\{le="([^"]+)"\} (\d+)/g)].map(([, le = "", count]) => [le, Number(count)]));
}

test("[OBS1] an idle event loop has no delay: the timer's interval is not counted", async () => {
  const buckets = await bucketsOf([0, 0, 0, 0]);
  expect(buckets.get("0.001")).toBe(4);
});

test("[OBS1] a block counts in full, and for everybody who came while it lasted", async () => {
  const buckets = await bucketsOf([100]);
  // 100, 80, 60, 40 and 20 ms.
  expect(["0.01", "0.02", "0.05", "0.075", "0.1", "+Inf"].map((le) => buckets.get(le))).toEqual([0, 1, 2, 3, 5, 5]);
});
