/** Why a connection is closed. The code's range is the retry contract: 3000–3499 and 4000–4499 come back, the rest do not. */
export interface CloseReason {
  readonly code: number;
  /** Plain words, never parseable as JSON: one SDK reads JSON reasons as its own instructions. */
  readonly reason: string;
}

export type CloseName =
  | "messageTooBig"
  | "shutdown"
  | "expired"
  | "slow"
  | "noPong"
  | "supersededOwner"
  | "invalidToken"
  | "badRequest"
  | "stale"
  | "forced"
  | "revoked"
  | "serverError"
  | "subscriptionExpired"
  | "insufficientState"
  | "tooManyRequests"
  | "connectionLimit"
  | "permissionDenied"
  | "notAvailable"
  | "tooManyErrors";

export const CLOSE: Readonly<Record<CloseName, CloseReason>> = {
  /** RFC 6455's own code; SDKs take it as final. */
  messageTooBig: { code: 1009, reason: "message size limit exceeded" },
  /** The server drains or stops. */
  shutdown: { code: 3001, reason: "shutdown" },
  /** The connection's token has expired. */
  expired: { code: 3005, reason: "connection expired" },
  /** Too much is queued for this connection. */
  slow: { code: 3008, reason: "slow" },
  /** No pong in time. */
  noPong: { code: 3012, reason: "no pong" },
  /** A newer owner took this client over. */
  supersededOwner: { code: 3011, reason: "connection moved" },
  /** The token, or something else that should open the connection, is not accepted. */
  invalidToken: { code: 3500, reason: "invalid token" },
  /** The client broke the protocol. */
  badRequest: { code: 3501, reason: "bad request" },
  /** No connect command in time. */
  stale: { code: 3502, reason: "stale" },
  /** Closed by the server API. */
  forced: { code: 3503, reason: "force disconnect" },
  /** The token was revoked or its user blocked. Away from the numbers that upstream counts up. */
  revoked: { code: 3540, reason: "revoked" },
  /** The application could not be asked, or the server failed. */
  serverError: { code: 3004, reason: "internal server error" },
  /** A subscription's token has expired and the server cannot tell the client otherwise. */
  subscriptionExpired: { code: 3006, reason: "subscription expired" },
  /** What the client has seen can no longer be continued without a gap, and it only listens. */
  insufficientState: { code: 3010, reason: "insufficient state" },
  /** The client, or the pod, is over its limits for now. */
  tooManyRequests: { code: 3013, reason: "too many requests" },
  /** The user has too many connections. */
  connectionLimit: { code: 3504, reason: "connection limit" },
  /** The client may not do what it tried, and cannot be told otherwise. */
  permissionDenied: { code: 3507, reason: "permission denied" },
  /** What the client asks for is not served, and it cannot be told otherwise. */
  notAvailable: { code: 3508, reason: "not available" },
  /** The client went on although it was refused again and again. */
  tooManyErrors: { code: 3509, reason: "too many errors" },
};

/** Whether a client comes back after this code. */
export function canReconnect(code: number): boolean {
  return code < 3500 || (code >= 4000 && code < 4500) || code >= 5000;
}
