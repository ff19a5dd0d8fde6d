import { expect, test } from "vitest";
import { clientBehind } from "./forwarded.ts";
import { Networks } from "./networks.ts";

const trusted = new Networks(["10.0.0.0/8", "fd00::/8"]);

test.each([
  ["10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"],
  ["10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"],
  ["10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.3, 10.0.0.2", "203.0.113.9"],
  ["10.0.0.1", "203.0.113.9:4711", "203.0.113.9"],
  ["10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"],
  ["10.0.0.1", "2001:db8::1", "2001:db8::1"],
  ["fd00::1", "203.0.113.9", "203.0.113.9"],
  ["10.0.0.1", "", "10.0.0.1"],
  ["10.0.0.1", "unknown", "10.0.0.1"],
  ["10.0.0.1", "203.0.113.9, <script>", "10.0.0.1"],
  ["10.0.0.1", "203.0.113.9, junk, 10.0.0.2", "10.0.0.2"],
  ["10.0.0.1", "10.0.0.5, 10.0.0.4", "10.0.0.5"],
  ["192.0.2.1", "203.0.113.9", "192.0.2.1"],
])("[PRX2] peer %j saying %j is %j", (peer, forwardedFor, address) => {
  const headers = { "x-forwarded-for": forwardedFor };
  expect(clientBehind({ address: peer, isSecure: false }, headers, trusted)).toEqual({ address, isSecure: false });
});

test.each([
  ["10.0.0.1", "https", true],
  ["10.0.0.1", "HTTPS", true],
  ["10.0.0.1", "http, https", true],
  ["10.0.0.1", "https, http", false],
  ["10.0.0.1", "http", false],
  ["192.0.2.1", "https", false],
])("[TLS4] peer %j saying proto %j: secure %j", (peer, proto, isSecure) => {
  const client = clientBehind({ address: peer, isSecure: false }, { "x-forwarded-proto": proto }, trusted);
  expect(client.isSecure).toBe(isSecure);
});

test("[TLS4] what came over TLS stays secure, whatever a header says", () => {
  const headers = { "x-forwarded-proto": "http" };
  expect(clientBehind({ address: "10.0.0.1", isSecure: true }, headers, trusted).isSecure).toBe(true);
});
