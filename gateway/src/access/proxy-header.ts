/** The PROXY protocol, versions 1 and 2: who a load balancer speaks for. Pure; hostile bytes are a verdict. */
import { plainAddress } from "./networks.ts";

export type ProxyHeader =
  /** Not all of it has come. */
  | { readonly state: "partial" }
  /** `length` bytes long; without an address the proxy speaks for itself (a health check) or for what is not TCP over IP. */
  | { readonly state: "whole"; readonly length: number; readonly address?: string }
  | { readonly state: "malformed" };

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V1_START = Buffer.from("PROXY ", "latin1");
/** Longest line of version 1, with its end. */
const V1_BYTES = 107;
/** Fixed part of version 2. */
const V2_BYTES = 16;
/** Most bytes of addresses and extensions that are read; a proxy that says more than this is not one of ours. */
const V2_MAX_BYTES = 2048;

const PARTIAL: ProxyHeader = { state: "partial" };
const MALFORMED: ProxyHeader = { state: "malformed" };

export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, SIGNATURE)) return bytes.length < V2_BYTES ? PARTIAL : binaryHeader(bytes);
  return startsLike(bytes, V1_START) ? textHeader(bytes) : MALFORMED;
}

/** As far as there are bytes. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function textHeader(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES).indexOf("\r\n");
  if (end === -1) return bytes.length < V1_BYTES ? PARTIAL : MALFORMED;
  const length = end + 2;
  const [, family = "", ...words] = bytes.toString("latin1", 0, end).split(" ");
  if (family === "UNKNOWN") return { state: "whole", length };
  const address = sourceOf(family, words);
  return address === undefined ? MALFORMED : { state: "whole", length, address };
}

/** Undefined unless two addresses of the family and two ports stand there. */
function sourceOf(family: string, [source = "", target = "", ...ports]: readonly string[]): string | undefined {
  const isWhole = ports.length === 2 && ports.every((port) => isPort(port)) && addressOf(family, target) !== undefined;
  return isWhole ? addressOf(family, source) : undefined;
}

/** Undefined for what is no address of the family. */
function addressOf(family: string, text: string): string | undefined {
  return family === (text.includes(":") ? "TCP6" : "TCP4") ? plainAddress(text) : undefined;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

/** Version 2 with its commands. */
const LOCAL = 0x20;
const PROXIED = 0x21;
/** Families and transports of version 2 that carry addresses of TCP over IP. */
const TCP4 = 0x11;
const TCP6 = 0x21;

function binaryHeader(bytes: Buffer): ProxyHeader {
  const command = bytes[12];
  const rest = bytes.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXIED) || rest > V2_MAX_BYTES) return MALFORMED;
  const length = V2_BYTES + rest;
  if (bytes.length < length) return PARTIAL;
  return command === LOCAL ? { state: "whole", length } : proxiedHeader(bytes.subarray(0, length));
}

function proxiedHeader(header: Buffer): ProxyHeader {
  const { length } = header;
  const family = header[13];
  if (family === TCP4) return length < V2_BYTES + 12 ? MALFORMED : { state: "whole", length, address: ipv4(header) };
  if (family === TCP6) return length < V2_BYTES + 36 ? MALFORMED : { state: "whole", length, address: ipv6(header) };
  return { state: "whole", length };
}

function ipv4(bytes: Buffer): string {
  return bytes.subarray(V2_BYTES, V2_BYTES + 4).join(".");
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(V2_BYTES + 2 * index).toString(16));
  // The URL parser shortens it as everybody else writes it.
  const text = URL.parse(`http://[${groups.join(":")}]`)?.hostname.slice(1, -1) ?? groups.join(":");
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  return mapped === null ? text : bytes.subarray(V2_BYTES + 12, V2_BYTES + 16).join(".");
}
