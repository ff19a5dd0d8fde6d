import type { IncomingHttpHeaders } from "node:http";
import { type Networks, plainAddress } from "./networks.ts";

/** Who is at the other end of a request. */
export interface Client {
  readonly address: string;
  /** The bytes came over TLS, to here or to a trusted proxy. */
  readonly isSecure: boolean;
}

/**
 * The client behind trusted proxies (PRX2): X-Forwarded-For is read from its end, because every proxy appends whom it saw, and
 * only as long as the one who wrote is trusted. Whoever else sends these headers is taken for what it is.
 */
export function clientBehind(peer: Client, headers: IncomingHttpHeaders, trusted: Networks): Client {
  if (!trusted.has(peer.address)) return peer;
  const hops = textOf(headers["x-forwarded-for"]).split(",");
  let address = peer.address;
  for (let index = hops.length - 1; index >= 0 && trusted.has(address); index--) {
    const hop = addressOf(hops[index] ?? "");
    if (hop === undefined) break;
    address = hop;
  }
  const scheme = textOf(headers["x-forwarded-proto"]).split(",").at(-1)?.trim().toLowerCase();
  return { address, isSecure: peer.isSecure || scheme === "https" };
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === "string" ? header : (header ?? []).join(",");
}

/** Some proxies write the port too. */
function addressOf(hop: string): string | undefined {
  const text = hop.trim();
  const bare = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
  return plainAddress(bare);
}
