/**
 * The protocol's messages as values. What they mean is PROTOCOL.md; how they look on the wire is a codec's business. Payloads
 * (`data`, `connInfo`, `chanInfo`) are bytes: the JSON text as it stood in the frame (newlines stripped), or whatever a Protobuf
 * client sent. Absent means the field's empty value on the wire.
 */

import type { ConnectExtensions, ExtensionPush, GrantedExtensions } from "./extensions.ts";
import type { StreamPosition } from "./stream-position.ts";

export type * from "./extensions.ts";
export type { StreamPosition } from "./stream-position.ts";

/** Bytes that pass through unread. */
export type Payload = Uint8Array;

// ---- Commands ----

/** What a subscriber asks for; also the form of one entry of connect's `subs`. */
export interface SubscribeRequest {
  /** Subscription token. */
  readonly token?: string;
  /** Wants what was published since `offset` of `epoch`. */
  readonly recover?: boolean;
  readonly offset?: number;
  readonly epoch?: string;
  readonly data?: Payload;
  readonly positioned?: boolean;
  readonly recoverable?: boolean;
  readonly joinLeave?: boolean;
  /** Name of a delta algorithm; `fossil` is the only one. */
  readonly delta?: string;
  readonly tagsFilter?: FilterNode;
  /** Kind of subscription; 0 is a stream, everything else is refused with 108. */
  readonly type?: number;
  /** A recovery that cannot be made is answered with error 112 and not with `recovered: false`. */
  readonly rejectUnrecovered?: boolean;
}

/** A node of a tags filter: a comparison, or `and`, `or`, `not` over `nodes`. */
export interface FilterNode {
  /** `and`, `or`, `not`, or empty for a comparison. */
  readonly op: string;
  readonly key: string;
  /** `eq`, `neq`, `in`, `nin`, `ex`, `nex`, `sw`, `ew`, `ct`, `lt`, `lte`, `gt`, `gte`. */
  readonly cmp: string;
  readonly val: string;
  readonly vals: readonly string[];
  readonly nodes: readonly FilterNode[];
}

export interface ConnectCommand {
  readonly kind: "connect";
  readonly id: number;
  /** JSON Web Token; absent or empty for an anonymous client. */
  readonly token?: string;
  readonly data?: Payload;
  /** Server-side subscriptions that the client wants to recover, by channel. */
  readonly subs?: ReadonlyMap<string, SubscribeRequest>;
  /** Name and version of the client program, for logs only. */
  readonly name?: string;
  readonly version?: string;
  /** Headers that a browser cannot set on a WebSocket; only those that the configuration names are used. */
  readonly headers?: ReadonlyMap<string, string>;
  readonly belay?: ConnectExtensions;
}

export interface SubscribeCommand extends SubscribeRequest {
  readonly kind: "subscribe";
  readonly id: number;
  readonly channel: string;
}

export interface UnsubscribeCommand {
  readonly kind: "unsubscribe";
  readonly id: number;
  readonly channel: string;
}

export interface PublishCommand {
  readonly kind: "publish";
  readonly id: number;
  readonly channel: string;
  /** Empty where `type` is not 0. */
  readonly data: Payload;
  /** Kind of publication; absent or 0 is an ordinary one, everything else is refused with 108. */
  readonly type?: number;
  /** Names the publication, so that it is made once (PKY1). */
  readonly key?: string;
}

export interface PresenceCommand {
  readonly kind: "presence" | "presence_stats";
  readonly id: number;
  readonly channel: string;
}

export interface HistoryCommand {
  readonly kind: "history";
  readonly id: number;
  readonly channel: string;
  /** 0 asks for the position only, a negative one for everything. */
  readonly limit: number;
  readonly since?: StreamPosition;
  readonly reverse: boolean;
}

export interface PingCommand {
  readonly kind: "ping";
  readonly id: number;
}

/** Never answered: `id` is 0. */
export interface SendCommand {
  readonly kind: "send";
  readonly id: number;
  readonly data: Payload;
}

export interface RpcCommand {
  readonly kind: "rpc";
  readonly id: number;
  readonly method: string;
  readonly data?: Payload;
}

export interface RefreshCommand {
  readonly kind: "refresh";
  readonly id: number;
  readonly token: string;
}

export interface SubRefreshCommand {
  readonly kind: "sub_refresh";
  readonly id: number;
  readonly channel: string;
  readonly token: string;
  /** Absent or 0 renews the subscription, everything else is refused with 108. */
  readonly type?: number;
}

/** The empty command: the answer to the server's ping. */
export interface PongCommand {
  readonly kind: "pong";
}

export type Command =
  | ConnectCommand
  | SubscribeCommand
  | UnsubscribeCommand
  | PublishCommand
  | PresenceCommand
  | HistoryCommand
  | PingCommand
  | SendCommand
  | RpcCommand
  | RefreshCommand
  | SubRefreshCommand
  | PongCommand;

// ---- Results ----

/** Who published or is present, as other clients see it. */
export interface ClientInfo {
  readonly user: string;
  readonly client: string;
  readonly connInfo?: Payload;
  readonly chanInfo?: Payload;
}

/** A publication as one subscriber gets it. */
export interface Publication {
  readonly data: Payload;
  readonly info?: ClientInfo;
  /** Absent where the channel has no positions. */
  readonly offset?: number;
  readonly tags?: ReadonlyMap<string, string>;
  /** `data` is a patch of the publication before it. */
  readonly delta?: boolean;
  /** Milliseconds since 1970. */
  readonly timeMs?: number;
}

export interface SubscribeResult {
  readonly expires?: boolean;
  /** Seconds; at least 1 where `expires` is set, because one SDK stumbles over 0. */
  readonly ttl?: number;
  readonly recoverable?: boolean;
  readonly positioned?: boolean;
  readonly epoch?: string;
  readonly offset?: number;
  readonly publications?: readonly Publication[];
  readonly recovered?: boolean;
  readonly wasRecovering?: boolean;
  readonly data?: Payload;
  /** Publications of this subscription may be deltas; in JSON their data is a string then. */
  readonly delta?: boolean;
}

export interface ConnectResult {
  readonly client: string;
  readonly version: string;
  readonly expires?: boolean;
  /** Seconds. */
  readonly ttl?: number;
  readonly data?: Payload;
  readonly subs?: ReadonlyMap<string, SubscribeResult>;
  /** Seconds between server pings; absent: the server sends none. */
  readonly ping?: number;
  /** The client answers pings. */
  readonly pong?: boolean;
  /** Identity of this connection towards other transports and nodes. */
  readonly session: string;
  readonly node: string;
  readonly belay?: GrantedExtensions;
}

export interface RefreshResult {
  readonly client: string;
  readonly version: string;
  readonly expires?: boolean;
  readonly ttl?: number;
}

export interface SubRefreshResult {
  readonly expires?: boolean;
  readonly ttl?: number;
}

export interface HistoryResult {
  readonly publications: readonly Publication[];
  readonly epoch: string;
  readonly offset: number;
}

export interface ErrorReply {
  readonly code: number;
  readonly message: string;
  /** The same command may work later. */
  readonly temporary?: boolean;
}

/** The answer to one command. */
export type Reply =
  | { readonly kind: "error"; readonly id: number; readonly error: ErrorReply }
  | { readonly kind: "connect"; readonly id: number; readonly result: ConnectResult }
  | { readonly kind: "subscribe"; readonly id: number; readonly result: SubscribeResult }
  | { readonly kind: "unsubscribe" | "publish" | "ping"; readonly id: number }
  | { readonly kind: "presence"; readonly id: number; readonly presence: ReadonlyMap<string, ClientInfo> }
  | { readonly kind: "presence_stats"; readonly id: number; readonly clients: number; readonly users: number }
  | { readonly kind: "history"; readonly id: number; readonly result: HistoryResult }
  | { readonly kind: "rpc"; readonly id: number; readonly data?: Payload }
  | { readonly kind: "refresh"; readonly id: number; readonly result: RefreshResult }
  | { readonly kind: "sub_refresh"; readonly id: number; readonly result: SubRefreshResult };

// ---- Pushes ----

/** What the server says unasked. A unidirectional client gets `connect` as its first one. */
export type Push =
  | {
      readonly kind: "publication";
      readonly channel: string;
      readonly publication: Publication;
      /** This subscription negotiated delta: in JSON the data is sent as a string. */
      readonly isDeltaStream?: boolean;
    }
  /** A message of the client's inbox; its place is `epoch` and the publication's offset. Only where the inbox was granted. */
  | { readonly kind: "inbox"; readonly publication: Publication; readonly epoch: string }
  | { readonly kind: "join" | "leave"; readonly channel: string; readonly info: ClientInfo }
  | { readonly kind: "unsubscribe"; readonly channel: string; readonly code: number; readonly reason: string }
  | { readonly kind: "subscribe"; readonly channel: string; readonly result: SubscribeResult }
  | { readonly kind: "message"; readonly data: Payload }
  | { readonly kind: "connect"; readonly result: ConnectResult }
  | { readonly kind: "disconnect"; readonly code: number; readonly reason: string; readonly reconnect: boolean }
  | { readonly kind: "refresh"; readonly expires: boolean; readonly ttl: number }
  | ExtensionPush;

// ---- Frames ----

/** A frame that breaks a rule; the connection is closed with 3501. */
export interface FrameRefusal {
  /** Id of the rule in PROTOCOL.md. */
  readonly rule: string;
  readonly problem: string;
}

export type DecodedFrame =
  | { readonly ok: true; readonly commands: readonly Command[] }
  | { readonly ok: false; readonly refusal: FrameRefusal };

/** The body of a POST to /emulation: a frame for a session that lives on some node. */
export interface EmulationRequest {
  readonly node: string;
  readonly session: string;
  readonly data: Payload;
}
