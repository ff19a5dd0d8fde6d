import { type ClientInfo, type Publication, rawMember } from "@belay/protocol";
import type { StoredPublication } from "../broker/broker.ts";

/** Reads the JSON text of a client info, as the broker carries it. Undefined when it is none. */
export function decodeClientInfo(json: Buffer): ClientInfo | undefined {
  const text = json.toString("utf8");
  const fields = parse(text);
  const { user, client } = fields ?? {};
  if (typeof user !== "string" || typeof client !== "string") return undefined;
  const connInfo = rawMember(text, ["conn_info"]);
  const chanInfo = rawMember(text, ["chan_info"]);
  return {
    user,
    client,
    ...(connInfo !== undefined && { connInfo: Buffer.from(connInfo) }),
    ...(chanInfo !== undefined && { chanInfo: Buffer.from(chanInfo) }),
  };
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    // Another node wrote it, so it is not taken for granted; the caller does without.
    return undefined;
  }
}

/** A publication of the history, as a reply shows it. */
export function toPublication({ data, info, offset, timeMs, tags }: StoredPublication): Publication {
  const clientInfo = info === undefined ? undefined : decodeClientInfo(info);
  return {
    data,
    offset,
    timeMs,
    ...(clientInfo !== undefined && { info: clientInfo }),
    ...(tags !== undefined && { tags: new Map(Object.entries(tags)) }),
  };
}
