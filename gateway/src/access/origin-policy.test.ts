import { expect, test } from "vitest";
import { isOriginRule, OriginPolicy } from "./origin-policy.ts";

const HOST = "rt.example:8000";

test.each([
  [["same-host"], undefined, true],
  [["same-host"], "http://rt.example:8000", true],
  [["same-host"], "https://RT.example:8000", true],
  [["same-host"], "http://rt.example", true],
  [["same-host"], "http://rt.example:3000", true],
  [["same-host"], "http://rt.example.evil.example:8000", false],
  [["same-host"], "http://example:8000", false],
  [["same-host"], "http://rt.example:8000.evil.example", false],
  [["same-host"], "null", false],
  [["same-host"], "", false],
  [[], "http://rt.example:8000", false],
  [[], undefined, true],
])("[ORG1] rules %j and origin %j: %j", (rules, origin, isAllowed) => {
  expect(new OriginPolicy(rules).judge(origin, HOST).isAllowed).toBe(isAllowed);
});

test.each([
  ["https://app.example", "https://app.example", true],
  ["https://app.example:443", "https://app.example", true],
  ["HTTPS://App.example", "https://app.example", true],
  ["https://app.example", "http://app.example", false],
  ["https://app.example", "https://app.example:8443", false],
  ["https://app.example", "https://app.example.evil.example", false],
  ["https://app.example", "https://evil-app.example", false],
  ["capacitor://localhost", "capacitor://localhost", true],
  ["https://*.example.com", "https://a.example.com", true],
  ["https://*.example.com", "https://a.b.example.com", true],
  ["https://*.example.com", "https://example.com", false],
  ["https://*.example.com", "https://.example.com", false],
  ["https://*.example.com", "https://evilexample.com", false],
  ["https://*.example.com", "https://evil.com/.example.com", false],
  ["https://*.example.com", "https://evil.com#.example.com", false],
  ["https://*.example.com", "https://u@evil.example.com", false],
  ["https://*.example.com", "http://a.example.com", false],
  ["https://*.example.com:8443", "https://a.example.com:8443", true],
  ["https://*.example.com:8443", "https://a.example.com", false],
  ["https://*.example.com:443", "https://a.example.com", true],
  ["*", "https://any.example", true],
  ["*", "null", true],
])("[ORG2] rule %j and origin %j: %j", (rule, origin, isAllowed) => {
  expect(isOriginRule(rule)).toBe(true);
  expect(new OriginPolicy([rule]).judge(origin, HOST).isAllowed).toBe(isAllowed);
});

test.each([
  "",
  "app.example",
  "https://",
  "https://*",
  "https://*.",
  "https://a.*.example",
  "https://a/b",
  "https://a?b",
])("[ORG2] %j is no rule", (rule) => {
  expect(isOriginRule(rule)).toBe(false);
});

test("[ORG3] a page is granted its own origin, and cookies only where it was named", () => {
  const origin = "https://app.example";
  expect(new OriginPolicy([origin]).judge(origin, HOST)).toEqual({
    isAllowed: true,
    cors: { origin, withCredentials: true },
  });
  expect(new OriginPolicy(["*"]).judge(origin, HOST)).toEqual({
    isAllowed: true,
    cors: { origin, withCredentials: false },
  });
  expect(new OriginPolicy(["*"]).judge(undefined, HOST)).toEqual({ isAllowed: true });
});
