import { expect, test } from "vitest";
import { add, formatCounts, parseClosingLine } from "./closing-total.ts";

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
