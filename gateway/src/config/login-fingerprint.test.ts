import { expect, test } from "vitest";
import { loginFingerprint } from "./login-fingerprint.ts";

test("[RS10] another password, user, password for the sentinels, or token gives another fingerprint", () => {
  const all = [
    loginFingerprint("token", { password: "a" }, { password: "a" }),
    loginFingerprint("token", { password: "b" }, { password: "a" }),
    loginFingerprint("token", { password: "a" }, { password: "b" }),
    loginFingerprint("token", { username: "a", password: "a" }, { password: "a" }),
    loginFingerprint("other", { password: "a" }, { password: "a" }),
  ];
  expect(new Set(all).size).toBe(all.length);
});

test("[RS10] gateways and operator compute it alike", () => {
  expect(loginFingerprint("token", { password: "a" }, { password: "a" })).toBe("1674841cfd06e136");
});
