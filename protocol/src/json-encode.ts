import type { ErrorReply } from "./error-codes.ts";
import type { ClientInfo, ConnectResult } from "./messages.ts";

/** Replies and pushes as JSON text, one line each. Payloads are spliced in as they came, never parsed. */

/** The server's ping: any SDK answers it with the same (HB1). */
export const PING = "{}";

export function encodeConnectReply(id: number, result: ConnectResult): string {
  return JSON.stringify({ id, connect: result });
}

/** The reply of a command whose result has no fields. */
export function encodeEmptyReply(id: number, method: "subscribe" | "unsubscribe" | "publish" | "ping"): string {
  return `{"id":${id},"${method}":{}}`;
}

export function encodeErrorReply(id: number, { code, message, temporary }: ErrorReply): string {
  return JSON.stringify({ id, error: { code, message, ...(temporary === true && { temporary }) } });
}

/** JSON text of the client info that goes with a publication. */
export function encodeClientInfo({ user, client, connInfo }: ClientInfo): string {
  const info = connInfo === undefined ? "" : `,"conn_info":${connInfo}`;
  return `{"user":${JSON.stringify(user)},"client":${JSON.stringify(client)}${info}}`;
}

/** What stands before the payload of a channel's publication; `}}}` or `,"info":…}}}` stands behind it. */
export function encodePublicationHead(channel: string): string {
  return `{"push":{"channel":${JSON.stringify(channel)},"pub":{"data":`;
}
