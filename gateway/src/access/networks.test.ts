import { expect, test } from "vitest";
import { Networks, parseNetwork } from "./networks.ts";

test.each([
  ["10.0.0.0/8", "10.255.1.2", true],
  ["10.0.0.0/8", "11.0.0.1", false],
  ["10.0.0.0/8", "::ffff:10.1.2.3", true],
  ["10.0.0.0/8", "::ffff:11.1.2.3", false],
  ["10.0.0.0/8", "::ffff:10.1.2.3%eth0", true],
  ["192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "192.0.2.8", false],
  ["0.0.0.0/0", "203.0.113.9", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["2001:db8::/32", "2001:db8:ffff::1", true],
  ["2001:db8::/32", "2001:db9::1", false],
  ["fe80::/10", "fe80::1%eth0", true],
  ["10.0.0.0/8", "not an address", false],
])("[PRX1] network %j and address %j: %j", (network, address, isInside) => {
  expect(new Networks([network]).has(address)).toBe(isInside);
});

test.each([
  "",
  "10.0.0.0/33",
  "10.0.0/8",
  "10.0.0.0/",
  "10.0.0.0/-1",
  "10.0.0.0/8/8",
  "fd00::/129",
  "fe80::1%eth0",
  "localhost",
])("[PRX1] %j is no network", (text) => {
  expect(parseNetwork(text)).toBeUndefined();
  expect(new Networks([text]).has("10.0.0.1")).toBe(false);
});

test("[PRX1] no networks hold nobody", () => {
  expect(new Networks([]).has("127.0.0.1")).toBe(false);
  expect(new Networks(["127.0.0.0/8"]).has(undefined)).toBe(false);
});
