import { expect, test } from "vitest";
import { CLOSE, canReconnect } from "./close-codes.ts";

test.each([
  [3000, true],
  [3499, true],
  [3500, false],
  [3999, false],
  [4000, true],
  [4499, true],
  [4500, false],
  [4999, false],
])("[CLS1] after %i a client comes back: %s", (code, comesBack) => {
  expect(canReconnect(code)).toBe(comesBack);
});

test.each(Object.entries(CLOSE))("[CLS2] the reason of %s is plain words", (_name, { reason }) => {
  expect(() => void JSON.parse(reason)).toThrow(SyntaxError);
});
