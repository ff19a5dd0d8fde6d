import type { ErrorReply } from "./messages.ts";
import type { ClosedReason } from "./state.ts";

/** The server refused a command. Codes are those of the protocol's catalogue. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly code: number;
  /** The same may work later. */
  readonly isTemporary: boolean;

  constructor({ code, message, temporary }: ErrorReply) {
    super(`${message} (${code})`);
    this.code = code;
    this.isTemporary = temporary === true;
  }
}

/** No answer in time. Whether the server acted is not known. */
export class RequestTimeoutError extends Error {
  override readonly name = "RequestTimeoutError";

  constructor(kind: string, timeoutMs: number) {
    super(`no answer to ${kind} within ${timeoutMs} ms`);
  }
}

/** The connection was lost before the answer. Whether the server acted is not known. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";
}

/** There was no connection, and none in time. The server has not seen the command. */
export class NotConnectedError extends Error {
  override readonly name = "NotConnectedError";
}

/** The client is closed or was disconnected by the application. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";
  readonly reason: ClosedReason | undefined;

  constructor(reason?: ClosedReason) {
    super(reason === undefined ? "disconnected" : `closed: ${reason.message} (${reason.code})`);
    this.reason = reason;
  }
}

/** A publish was sent, not answered, and cannot be repeated safely: it may or may not be in the channel. */
export class OutcomeUnknownError extends Error {
  override readonly name = "OutcomeUnknownError";
}

/** The queue of publishes that wait, for a connection or behind others, has no room for this one. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
}

/** A publish waited longer than it may. It was never sent. */
export class QueueExpiredError extends Error {
  override readonly name = "QueueExpiredError";
}

/** Messages of the inbox are gone before this client has seen them: load what they told anew. */
export class InboxLostError extends Error {
  override readonly name = "InboxLostError";
}

/** The server does not grant the inbox that was asked for: nothing of it will come. */
export class InboxUnavailableError extends Error {
  override readonly name = "InboxUnavailableError";
}

/** The subscription ended. */
export class UnsubscribedError extends Error {
  override readonly name = "UnsubscribedError";
  /** Of the unsubscribe push or of the error; 0 where the application ended it. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Thrown by an application's token provider: there will be no token. Stops the client, or ends the subscription. */
export class UnauthorizedError extends Error {
  override readonly name = "UnauthorizedError";
}
