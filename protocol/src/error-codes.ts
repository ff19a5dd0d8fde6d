/** An error reply to one command. `temporary` says that the same command may work later. */
export interface ErrorReply {
  readonly code: number;
  readonly message: string;
  readonly temporary?: boolean;
}

export type ErrorName =
  | "internal"
  | "unauthorized"
  | "permissionDenied"
  | "methodNotFound"
  | "alreadySubscribed"
  | "limitExceeded"
  | "badRequest"
  | "notAvailable"
  | "tokenExpired"
  | "tooManyRequests";

export const ERROR: Readonly<Record<ErrorName, ErrorReply>> = {
  internal: { code: 100, message: "internal server error", temporary: true },
  unauthorized: { code: 101, message: "unauthorized" },
  permissionDenied: { code: 103, message: "permission denied" },
  methodNotFound: { code: 104, message: "method not found" },
  alreadySubscribed: { code: 105, message: "already subscribed" },
  limitExceeded: { code: 106, message: "limit exceeded" },
  badRequest: { code: 107, message: "bad request" },
  notAvailable: { code: 108, message: "not available" },
  tokenExpired: { code: 109, message: "token expired" },
  tooManyRequests: { code: 111, message: "too many requests", temporary: true },
};
