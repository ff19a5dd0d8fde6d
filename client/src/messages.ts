/**
 * The protocol's messages as the client sees them. What they mean is PROTOCOL.md; how they look on the wire is a codec's business.
 * Absent means the field's empty value on the wire. Maps by channel are `Map`s, because any text is a channel's name.
 */

/** What the application says and hears: a value of JSON, or `Uint8Array` with the Protobuf codec. */
export type Payload = unknown;

/** A place in a channel's order. */
export interface StreamPosition {
  readonly epoch: string;
  readonly offset: number;
}

// ---- Commands ----

export interface SubscribeRequest {
  readonly token?: string;
  readonly recover?: boolean;
  readonly offset?: number;
  readonly epoch?: string;
  readonly data?: Payload;
  readonly positioned?: boolean;
  readonly recoverable?: boolean;
  readonly joinLeave?: boolean;
  readonly delta?: "fossil";
  readonly tagsFilter?: TagsFilter;
}

/** A comparison of one tag (`cmp`), or `and`, `or`, `not` (`op`) over `nodes`. */
export interface TagsFilter {
  readonly op?: "and" | "or" | "not";
  readonly key?: string;
  readonly cmp?: "eq" | "neq" | "in" | "nin" | "ex" | "nex" | "sw" | "ew" | "ct" | "lt" | "lte" | "gt" | "gte";
  readonly val?: string;
  readonly vals?: readonly string[];
  readonly nodes?: readonly TagsFilter[];
}

/** Extensions that the client asks for. */
export interface WantedExtensions {
  readonly inbox?: { readonly group: string } & Partial<StreamPosition>;
  /** Without `session` the client asks to be handed over one day; with it, it continues that session. */
  readonly handover?: HandoverRequest;
  /** Publishes carry keys. */
  readonly keys?: boolean;
  /** The server tells its reconnect window. */
  readonly window?: boolean;
}

export type HandoverRequest =
  | { readonly session?: never }
  | { readonly session: string; readonly secret: string; readonly positions: ReadonlyMap<string, StreamPosition> };

export interface ConnectCommand {
  readonly kind: "connect";
  readonly id: number;
  readonly token?: string;
  readonly data?: Payload;
  readonly name?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Server-side subscriptions to recover. */
  readonly subs?: ReadonlyMap<string, SubscribeRequest>;
  readonly belay?: WantedExtensions;
}

export interface SubscribeCommand extends SubscribeRequest {
  readonly kind: "subscribe";
  readonly id: number;
  readonly channel: string;
}

/** The command has nothing but the channel. */
export interface ChannelCommand {
  readonly kind: "unsubscribe" | "presence" | "presence_stats";
  readonly id: number;
  readonly channel: string;
}

export interface PublishCommand {
  readonly kind: "publish";
  readonly id: number;
  readonly channel: string;
  readonly data: Payload;
  /** Idempotency key, 1 to 64 characters; only where the server granted keys. */
  readonly key?: string;
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

/** Never answered. */
export interface SendCommand {
  readonly kind: "send";
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
}

/** The empty command: the answer to the server's ping. */
export interface PongCommand {
  readonly kind: "pong";
}

export type Command =
  | ConnectCommand
  | SubscribeCommand
  | ChannelCommand
  | PublishCommand
  | HistoryCommand
  | PingCommand
  | SendCommand
  | RpcCommand
  | RefreshCommand
  | SubRefreshCommand
  | PongCommand;

// ---- Results ----

/** Who published or is present. */
export interface ClientInfo {
  readonly user: string;
  readonly client: string;
  readonly connInfo?: Payload;
  readonly chanInfo?: Payload;
}

export interface WirePublication {
  readonly data: Payload;
  readonly info?: ClientInfo;
  /** Absent where the channel has no positions. */
  readonly offset?: number;
  readonly tags?: Readonly<Record<string, string>>;
  /** `data` is a patch of the publication before it. */
  readonly delta?: boolean;
  /** Milliseconds since 1970. */
  readonly timeMs?: number;
}

export interface SubscribeResult {
  readonly expires?: boolean;
  /** Seconds. */
  readonly ttl?: number;
  readonly recoverable?: boolean;
  readonly positioned?: boolean;
  readonly epoch?: string;
  readonly offset?: number;
  readonly publications?: readonly WirePublication[];
  readonly recovered?: boolean;
  readonly wasRecovering?: boolean;
  readonly data?: Payload;
  /** Publications may be patches; in the JSON form their data is a string then. */
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
  readonly session?: string;
  readonly node?: string;
  readonly belay?: GrantedExtensions;
}

/** Extensions that were granted; one that is missing was not. */
export interface GrantedExtensions {
  readonly inbox?: InboxResult;
  readonly handover?: HandoverGrant;
  readonly keys?: boolean;
  readonly window?: ReconnectWindow;
}

export interface InboxResult extends StreamPosition {
  readonly group: string;
  readonly lost?: boolean;
}

export interface HandoverGrant {
  /** For a resume within `resumeMs` after the socket was lost. */
  readonly session: string;
  readonly secret: string;
  readonly resumeMs: number;
  /** The connection was continued; this socket delivers behind these positions. */
  readonly moved?: ReadonlyMap<string, StreamPosition>;
}

/** Clients that lose their connection spread themselves over so long. */
export interface ReconnectWindow {
  readonly ms: number;
}

export interface RefreshResult {
  readonly expires?: boolean;
  /** Seconds. */
  readonly ttl?: number;
}

export interface HistoryResult {
  readonly publications: readonly WirePublication[];
  readonly epoch: string;
  readonly offset: number;
}

export interface ErrorReply {
  readonly code: number;
  readonly message: string;
  /** The same command may work later. */
  readonly temporary?: boolean;
}

/** The answer to the command of this id. */
export type Reply = { readonly type: "reply"; readonly id: number } & (
  | { readonly kind: "error"; readonly error: ErrorReply }
  | { readonly kind: "connect"; readonly result: ConnectResult }
  | { readonly kind: "subscribe"; readonly result: SubscribeResult }
  | { readonly kind: "unsubscribe" | "publish" | "ping" }
  | { readonly kind: "presence"; readonly presence: ReadonlyMap<string, ClientInfo> }
  | { readonly kind: "presence_stats"; readonly clients: number; readonly users: number }
  | { readonly kind: "history"; readonly result: HistoryResult }
  | { readonly kind: "rpc"; readonly data?: Payload }
  | { readonly kind: "refresh" | "sub_refresh"; readonly result: RefreshResult }
);

// ---- Pushes ----

/** What the server says unasked. */
export type Push = { readonly type: "push" } & (
  | { readonly kind: "publication"; readonly channel: string; readonly publication: WirePublication }
  /** Of the inbox: a publication without a channel. */
  | { readonly kind: "inbox"; readonly epoch: string; readonly publication: WirePublication }
  | { readonly kind: "join" | "leave"; readonly channel: string; readonly info: ClientInfo }
  | { readonly kind: "unsubscribe"; readonly channel: string; readonly code: number; readonly reason: string }
  | { readonly kind: "subscribe"; readonly channel: string; readonly result: SubscribeResult }
  | { readonly kind: "message"; readonly data: Payload }
  | { readonly kind: "disconnect"; readonly code: number; readonly reason: string }
  | ({ readonly kind: "refresh" } & RefreshResult)
  | { readonly kind: "goaway"; readonly goaway: Goaway }
  | { readonly kind: "goaway_cancel" }
  | { readonly kind: "window"; readonly window: ReconnectWindow }
);

/** Asks the client to open a second connection with this session and secret. */
export interface Goaway {
  readonly session: string;
  readonly secret: string;
  /** The client begins at a random moment of this. */
  readonly windowMs: number;
  /** How long this connection is kept. */
  readonly deadlineMs: number;
}

/** The server asks whether the client is there. */
export interface Ping {
  readonly type: "ping";
}

export type ServerMessage = Reply | Push | Ping;
