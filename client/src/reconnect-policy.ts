import { canReconnect } from "@belay/protocol";
import type { ErrorReply } from "./messages.ts";

/** Codes with which the client itself gives a connection up; below 1000, where no close frame has one. */
export const LOCAL = {
  /** The transport could not be opened. */
  notOpened: { code: 1, reason: "not opened" },
  /** No connect reply in time. */
  connectTimeout: { code: 2, reason: "connect timeout" },
  /** The server has been silent for longer than its pings allow. */
  noPing: { code: 3, reason: "no ping" },
  /** The server said something that is not the protocol's. */
  badFrame: { code: 4, reason: "bad frame" },
  /** The token provider failed. */
  noToken: { code: 5, reason: "no token" },
  /** The token provider said that there will be none. */
  unauthorized: { code: 6, reason: "unauthorized" },
  /** As many tries as are allowed have failed. */
  triesUsedUp: { code: 7, reason: "tries used up" },
  /** None of the transports works here. */
  noTransport: { code: 8, reason: "no transport" },
  /** Connect was refused for now. */
  refused: { code: 9, reason: "connect refused" },
  /** A command that the server must answer was not answered. */
  noAnswer: { code: 10, reason: "no answer" },
  /** The endpoint is no address, or what goes with connect cannot be written. */
  badOptions: { code: 11, reason: "bad options" },
} as const;

/** What the client does after a loss. */
export type Verdict = "retry" | "stop";

/** Close codes are the retry contract; of RFC 6455's own codes only 1009, the client's own message too big, is final. */
export function verdictOfClose(code: number): Verdict {
  return canReconnect(code) && code !== 1009 && !FINAL.has(code) ? "retry" : "stop";
}

/** Of the client's own codes those after which trying again would not help. */
const FINAL: ReadonlySet<number> = new Set(
  [LOCAL.unauthorized, LOCAL.noTransport, LOCAL.badOptions].map(({ code }) => code),
);

/** Error codes of the protocol after which another token may help. */
const TOKEN_EXPIRED = 109;

export function verdictOfConnectError({ code, temporary }: ErrorReply): Verdict {
  return temporary === true || code === TOKEN_EXPIRED ? "retry" : "stop";
}

/** Whether the client asks its provider for another token before the next try. */
export function needsNewToken(code: number): boolean {
  return code === TOKEN_EXPIRED || code === CLOSE_EXPIRED;
}

/** The connection's token has expired. */
const CLOSE_EXPIRED = 3005;
