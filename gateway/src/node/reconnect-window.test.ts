import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { capacityOf, isWorthTelling, MAX_WINDOW_MS, MIN_WINDOW_MS, reconnectWindowMs } from "./reconnect-window.ts";

test.each([
  ["nobody is here", { clients: 0, handshakesPerSecond: 1000, otherPods: 2 }, MIN_WINDOW_MS],
  ["a few are here", { clients: 100, handshakesPerSecond: 1000, otherPods: 2 }, MIN_WINDOW_MS],
  ["two pods take 5,000 clients", { clients: 5000, handshakesPerSecond: 500, otherPods: 2 }, 7500],
  ["this pod is alone", { clients: 5000, handshakesPerSecond: 500, otherPods: 0 }, 15_000],
  ["nobody waits for ever", { clients: 1_000_000, handshakesPerSecond: 1, otherPods: 1 }, MAX_WINDOW_MS],
])("[WIN1] the window where %s", (_title, surroundings, ms) => {
  expect(reconnectWindowMs(surroundings)).toBe(ms);
});

prop.prop([fc.nat(1_000_000), fc.integer({ min: 1, max: 100_000 }), fc.nat(1000)])(
  "[WIN1] clients that spread over the window never come faster than the others take them, where it is not the largest",
  (clients, handshakesPerSecond, otherPods) => {
    const ms = reconnectWindowMs({ clients, handshakesPerSecond, otherPods });
    expect(ms).toBeGreaterThanOrEqual(MIN_WINDOW_MS);
    expect(ms).toBeLessThanOrEqual(MAX_WINDOW_MS);
    const perSecond = (clients * 1000) / ms;
    if (ms < MAX_WINDOW_MS) expect(perSecond).toBeLessThanOrEqual(capacityOf({ handshakesPerSecond, otherPods }));
  },
);

test.each([
  [1000, 1500, false],
  [1000, 1501, true],
  [1000, 500, false],
  [1000, 499, true],
  [1000, 1000, false],
])("[WIN2] told %d, now %d: told again is %s", (toldMs, nowMs, isTold) => {
  expect(isWorthTelling(toldMs, nowMs)).toBe(isTold);
});
