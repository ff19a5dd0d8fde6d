import { expect, test } from "vitest";
import { add, failureLine, formatCounts, isFailureLine, parseClosingLine } from "./closing-total.ts";

test("a closing line is read, added up and written the same way", () => {
  const one = parseClosingLine("12 passed, 0 failed, 3 skipped");
  expect(one).toEqual({ passed: 12, failed: 0, skipped: 3 });
  expect(one && formatCounts(add(one, { passed: 1, failed: 1, skipped: 1 }))).toBe("13 passed, 1 failed, 4 skipped");
});

test.each([["12 passed"], ["x 12 passed, 0 failed, 3 skipped"], ["12 passed, 0 failed, 3 skipped."], [""]])(
  "%j is none",
  (line) => {
    expect(parseClosingLine(line)).toBeUndefined();
  },
);

test("a failed test is one line, without colours and not longer than one can read", () => {
  const line = failureLine("a.test.ts > shows", `expected\n\u001B[31m1\u001B[39m ${"x".repeat(1000)}`);
  expect(line).toMatch(/^failed: a\.test\.ts > shows: expected 1 x+…$/);
  expect(line.length).toBeLessThan(700);
  expect([isFailureLine(line), isFailureLine("12 passed, 0 failed, 3 skipped")]).toEqual([true, false]);
});
