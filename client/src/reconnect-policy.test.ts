import { expect, test } from "vitest";
import { needsNewToken, verdictOfClose, verdictOfConnectError } from "./reconnect-policy.ts";

test.each([
  [3, "retry"],
  [5, "retry"],
  [6, "stop"],
  [8, "stop"],
  [11, "stop"],
  [1000, "retry"],
  [1006, "retry"],
  [1009, "stop"],
  [3000, "retry"],
  [3001, "retry"],
  [3499, "retry"],
  [3500, "stop"],
  [3999, "stop"],
  [4000, "retry"],
  [4499, "retry"],
  [4500, "stop"],
  [4999, "stop"],
  [5000, "retry"],
] as const)("[SDK12] after close code %i the client decides to %s", (code, verdict) => {
  expect(verdictOfClose(code)).toBe(verdict);
});

test.each([
  [{ code: 100, message: "internal server error", temporary: true }, "retry"],
  [{ code: 111, message: "too many requests", temporary: true }, "retry"],
  [{ code: 109, message: "token expired" }, "retry"],
  [{ code: 101, message: "unauthorized" }, "stop"],
  [{ code: 103, message: "permission denied" }, "stop"],
] as const)("[SDK12] after the connect error %j the client decides to %s", (error, verdict) => {
  expect(verdictOfConnectError(error)).toBe(verdict);
});

test("[SDK12] an expired token is replaced before the next try", () => {
  expect([109, 3005, 3001, 111].map(needsNewToken)).toEqual([true, true, false, false]);
});
