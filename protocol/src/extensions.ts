/**
 * Extensions of the protocol, all in the one field `belay` (number 1000 in Protobuf): the inbox (E3), handover (E1), keys of
 * publications (E2) and the reconnect window (E4). What they mean is PROTOCOL.md. Only a client that asked in connect sees any of it.
 */
import type { StreamPosition } from "./stream-position.ts";

/** What a client asks for in connect. */
export interface ConnectExtensions {
  readonly inbox?: InboxRequest;
  readonly handover?: HandoverRequest;
  /** Its publications carry keys. */
  readonly keys?: boolean;
  /** It wants to know how long to wait before it comes back. */
  readonly window?: boolean;
}

/** Asks for the inbox of the connection's user. */
export interface InboxRequest extends StreamPosition {
  /** Devices that read as one; empty for the user's default group. The position is the place up to which the client has everything. */
  readonly group: string;
}

/** Asks that the connection can be moved; with `continued` it goes on where another one is or was. */
export interface HandoverRequest {
  readonly continued?: ContinuedSession;
}

/** A connection that is to be continued, as the client knows it. */
export interface ContinuedSession {
  /** Names pod and connection; as the server gave it. */
  readonly session: string;
  /** Valid once. */
  readonly secret: string;
  /** The place of each subscription up to which the client has everything, by channel. At most MAX_POSITIONS. */
  readonly positions: ReadonlyMap<string, StreamPosition>;
}

/** Extensions that are granted; one that is missing is not. */
export interface GrantedExtensions {
  readonly inbox?: InboxResult;
  readonly handover?: HandoverResult;
  readonly keys?: boolean;
  readonly window?: ReconnectWindow;
}

/** The place behind which messages follow. */
export interface InboxResult extends StreamPosition {
  readonly group: string;
  /** Messages were dropped before this group acknowledged them. */
  readonly lost?: boolean;
}

/** With what the connection can be continued after its socket is lost, within `resumeMs`. */
export interface HandoverResult {
  readonly session: string;
  readonly secret: string;
  readonly resumeMs: number;
  /** Only where another connection was continued: each of its subscriptions, and the place behind which this socket delivers. */
  readonly moved?: ReadonlyMap<string, StreamPosition>;
}

/** Time over which a client that lost its connection spreads its return: it waits a random part of it. */
export interface ReconnectWindow {
  readonly ms: number;
}

/** Asks the client to move to another pod. */
export interface Goaway {
  readonly session: string;
  readonly secret: string;
  /** The client begins after a random part of it. */
  readonly windowMs: number;
  /** How long this socket is kept. */
  readonly deadlineMs: number;
}

/** Pushes of extensions that stand alone. */
export type ExtensionPush =
  | ({ readonly kind: "goaway" } & Goaway)
  /** The pod stays, and so does the client; what the goaway gave is void. */
  | { readonly kind: "goaway_cancel" }
  | ({ readonly kind: "window" } & ReconnectWindow);
