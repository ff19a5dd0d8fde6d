import { CLOSE, type CloseReason, ERROR, type ErrorReply } from "@belay/protocol";

/** How a connection ends that would get this error but cannot be told replies (UNI3). */
export function closeOfError({ code, temporary = false }: ErrorReply): CloseReason {
  if (code === ERROR.tokenExpired.code) return CLOSE.expired;
  if (code === ERROR.tooManyRequests.code) return CLOSE.tooManyRequests;
  return temporary ? CLOSE.serverError : CLOSE.permissionDenied;
}
