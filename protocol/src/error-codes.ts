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
  internal: { code: 100, message: "internal server error", temporary: true },
  unauthorized: { code: 101, message: "unauthorized" },
  unknownChannel: { code: 102, message: "unknown channel" },
  permissionDenied: { code: 103, message: "permission denied" },
  methodNotFound: { code: 104, message: "method not found" },
  alreadySubscribed: { code: 105, message: "already subscribed" },
  limitExceeded: { code: 106, message: "limit exceeded" },
  badRequest: { code: 107, message: "bad request" },
  notAvailable: { code: 108, message: "not available" },
  tokenExpired: { code: 109, message: "token expired" },
  expired: { code: 110, message: "expired" },
  tooManyRequests: { code: 111, message: "too many requests", temporary: true },
  unrecoverablePosition: { code: 112, message: "unrecoverable position" },
};
