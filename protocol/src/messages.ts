/** Decoded commands of a client. What they mean is PROTOCOL.md; how they look on the wire is the codec's business. */

export interface ConnectCommand {
  readonly kind: "connect";
  readonly id: number;
  /** JSON Web Token; absent or empty for an anonymous client. */
  readonly token?: string;
  /** Name and version of the client program, for logs only. */
  readonly name?: string;
  readonly version?: string;
}

export interface SubscribeCommand {
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
  /** The payload's JSON text as it stood in the frame. */
  readonly data: string;
}

export interface PingCommand {
  readonly kind: "ping";
  readonly id: number;
}

/** Commands of the protocol that this gateway knows and does not serve yet. */
export type UnservedMethod = "presence" | "presence_stats" | "history" | "rpc" | "refresh" | "sub_refresh" | "send";

export interface UnservedCommand {
  readonly kind: "unserved";
  /** 0 for `send`, which may come without an id and then gets no reply. */
  readonly id: number;
  readonly method: UnservedMethod;
}

/** The empty object: the answer to the server's ping. */
export interface PongCommand {
  readonly kind: "pong";
}

export type Command =
  | ConnectCommand
  | SubscribeCommand
  | UnsubscribeCommand
  | PublishCommand
  | PingCommand
  | UnservedCommand
  | PongCommand;

/** What the connect reply tells a client. */
export interface ConnectResult {
  readonly client: string;
  readonly version: string;
  /** Seconds between server pings. */
  readonly ping: number;
  readonly pong: true;
  /** Identity of this connection towards other transports and nodes. */
  readonly session: string;
  readonly node: string;
}

/** Who published or is present, as other clients see it. */
export interface ClientInfo {
  readonly user: string;
  readonly client: string;
  /** JSON text of the token's `info` claim. */
  readonly connInfo?: string;
}

/** A frame that breaks a rule; the connection is closed with 3501. */
export interface FrameRefusal {
  /** Id of the rule in PROTOCOL.md. */
  readonly rule: string;
  readonly problem: string;
}

export type DecodedFrame =
  | { readonly ok: true; readonly commands: readonly Command[] }
  | { readonly ok: false; readonly refusal: FrameRefusal };
