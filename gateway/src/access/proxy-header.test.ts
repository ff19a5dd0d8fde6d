import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { parseProxyHeader } from "./proxy-header.ts";

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

function binary(command: number, family: number, rest: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(rest.length);
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, rest]);
}

const v4 = Buffer.from("cb007109c00002011f900050", "hex");
const v6 = Buffer.from("20010db8000000000000000000000001fd0000000000000000000000000000021f900050", "hex");

test.each([
  [Buffer.from("PROXY TCP4 203.0.113.9 192.0.2.1 8080 80\r\n"), "203.0.113.9"],
  [Buffer.from("PROXY TCP6 2001:db8::1 fd00::2 8080 80\r\n"), "2001:db8::1"],
  [Buffer.from("PROXY UNKNOWN\r\n"), undefined],
  [Buffer.from("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), undefined],
  [binary(0x21, 0x11, v4), "203.0.113.9"],
  [binary(0x21, 0x21, v6), "2001:db8::1"],
  [binary(0x21, 0x11, Buffer.concat([v4, Buffer.from("0300021234", "hex")])), "203.0.113.9"],
  [binary(0x20, 0x00, Buffer.alloc(0)), undefined],
  [binary(0x20, 0x11, v4), undefined],
  [binary(0x21, 0x00, Buffer.alloc(0)), undefined],
  [binary(0x21, 0x31, Buffer.alloc(216)), undefined],
])("[PRX3] a well-formed header is taken with its length, in one piece or many (%#)", (header, address) => {
  const whole = { state: "whole", length: header.length, ...(address !== undefined && { address }) };
  expect(parseProxyHeader(header)).toEqual(whole);
  expect(parseProxyHeader(Buffer.concat([header, Buffer.from("GET / HTTP/1.1\r\n")]))).toEqual(whole);
  for (let length = 0; length < header.length; length++) {
    expect(parseProxyHeader(header.subarray(0, length))).toEqual({ state: "partial" });
  }
});

test.each([
  Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  Buffer.from("\r\n\r\nX"),
  Buffer.from("PROXY TCP4 203.0.113.9 192.0.2.1 8080\r\n"),
  Buffer.from("PROXY TCP4 203.0.113.9 192.0.2.1 8080 80 1\r\n"),
  Buffer.from("PROXY TCP4 203.0.113.9 192.0.2.1 8080 70000\r\n"),
  Buffer.from("PROXY TCP4 203.0.113.900 192.0.2.1 8080 80\r\n"),
  Buffer.from("PROXY TCP4 2001:db8::1 fd00::2 8080 80\r\n"),
  Buffer.from("PROXY TCP6 203.0.113.9 192.0.2.1 8080 80\r\n"),
  Buffer.from("PROXY UDP4 203.0.113.9 192.0.2.1 8080 80\r\n"),
  Buffer.from("PROXY\r\n"),
  Buffer.from(`PROXY TCP4 ${"1".repeat(120)}`),
  binary(0x22, 0x11, v4),
  binary(0x11, 0x11, v4),
  binary(0x21, 0x11, v4.subarray(0, 11)),
  binary(0x21, 0x21, v6.subarray(0, 35)),
  Buffer.concat([SIGNATURE, Buffer.from("2111ffff", "hex")]),
])("[PRX3] anything else is malformed (%#)", (bytes) => {
  expect(parseProxyHeader(bytes)).toEqual({ state: "malformed" });
});

prop.prop([fc.constantFrom(SIGNATURE, Buffer.from("PROXY "), Buffer.alloc(0)), fc.uint8Array({ maxLength: 300 })])(
  "[PRX3] no bytes make the parser throw, and what it takes is there",
  (start, rest) => {
    const bytes = Buffer.concat([start, rest]);
    const header = parseProxyHeader(bytes);
    expect(header.state !== "whole" || header.length <= bytes.length).toBe(true);
  },
);
