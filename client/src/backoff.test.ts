import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { backoffMs, firstWaitMs } from "./backoff.ts";

const backoff = { baseMs: 500, maxMs: 30_000 };
const almostOne = 1 - Number.EPSILON;

test.each([
  [0, 499],
  [1, 999],
  [5, 15_999],
  [6, 29_999],
  [7, 29_999],
  [5000, 29_999],
])("[SDK10] try %i waits at most %i ms", (attempt, most) => {
  expect(backoffMs(backoff, attempt, almostOne)).toBe(most);
  expect(backoffMs(backoff, attempt, 0)).toBe(0);
});

prop.prop([fc.nat({ max: 40 }), fc.double({ min: 0, max: almostOne, noNaN: true })])(
  "[SDK10] the jitter is full at every try, also at the cap",
  (attempt, random) => {
    const most = Math.min(30_000, 500 * 2 ** attempt);
    expect(backoffMs(backoff, attempt, random)).toBe(Math.floor(random * most));
  },
);

test("[SDK11] the server's window comes first where it is larger than the own first wait", () => {
  expect(firstWaitMs(backoff, 20_000, 0.5)).toBe(10_000);
  expect(firstWaitMs(backoff, 0, 0.5)).toBe(250);
});
