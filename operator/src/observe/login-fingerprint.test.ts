import { expect, test } from "vitest";
import { loginFingerprint } from "./login-fingerprint.ts";

test("[RS10] gateways and operator compute it alike", () => {
  expect(loginFingerprint("token", "a")).toBe("1674841cfd06e136");
});
