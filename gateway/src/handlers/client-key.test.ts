import { expect, test } from "vitest";
import { clientKey } from "./client-key.ts";

test("[PKY2] a key is one of its user and channel, and can be made to look like no other", () => {
  const scopes = [
    { channel: "a", user: "u" },
    { channel: "a", user: "" },
    { channel: "", user: "a" },
    { channel: "au", user: "" },
    { channel: 'a","u', user: "" },
  ];
  const keys = scopes.flatMap((scope) => ["k", '","k', ""].map((key) => clientKey(scope, key)));
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.every((key) => /^client:[\w-]{43}$/.test(key))).toBe(true);
  expect(clientKey({ channel: "a", user: "u" }, "k")).toBe(keys[0]);
});
