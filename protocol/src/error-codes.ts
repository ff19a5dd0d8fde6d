import type { ErrorReply } from "./messages.ts";

export type ErrorName =
  | "internal"
  | "unauthorized"
  | "unknownChannel"
  | "permissionDenied"
  | "methodNotFound"
  | "alreadySubscribed"
  | "limitExceeded"
  | "badRequest"
  | "notAvailable"
  | "tokenExpired"
  | "expired"
  | "tooManyRequests"
  | "unrecoverablePosition";

/** The only error codes there are; PROTOCOL.md tells when each comes. */
export const ERROR: Readonly<Record<ErrorName, ErrorReply>> = {
  /** The broker or the application cannot be reached now, or failed. */
  internal: { code: 100, message: "internal server error", temporary: true },
  /** Only clients with a token may connect. */
  unauthorized: { code: 101, message: "unauthorized" },
  /** No namespace serves the channel. */
  unknownChannel: { code: 102, message: "unknown channel" },
  /** The namespace, the token or the key does not allow it. */
  permissionDenied: { code: 103, message: "permission denied" },
  /** There is no such method, or nobody serves the rpc. */
  methodNotFound: { code: 104, message: "method not found" },
  /** The connection has a subscription of the channel already. */
  alreadySubscribed: { code: 105, message: "already subscribed" },
  /** A limit that waiting does not change: ask for less, or end something first. */
  limitExceeded: { code: 106, message: "limit exceeded" },
  /** A field breaks its rule; the message says which, where it can. */
  badRequest: { code: 107, message: "bad request" },
  /** The channel does not keep that, or the server does not serve it. */
  notAvailable: { code: 108, message: "not available" },
  /** The token is past its end: the client gets a new one and tries again. */
  tokenExpired: { code: 109, message: "token expired" },
  /** The connection or the subscription has ended before it was made. */
  expired: { code: 110, message: "expired" },
  /** Too much for now: the same may be asked again later. */
  tooManyRequests: { code: 111, message: "too many requests", temporary: true },
  /** What was published since the position is not all there any more, or is of another epoch. */
  unrecoverablePosition: { code: 112, message: "unrecoverable position" },
};
