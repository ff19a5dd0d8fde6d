/** The port to the application: what it is asked before a command acts. */
import type { CloseReason, ErrorReply } from "@belay/protocol";
import type { ConnectionClaims } from "../auth/verifier.ts";
import type { Identity, ServerSubscription } from "../session/session.ts";

/** A connection as the application is told of it. */
export interface HookClient extends Identity {
  readonly transport: string;
  readonly protocol: "json" | "protobuf";
  /** Headers of the handshake (or emulated ones) that the configuration passes on, lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The application said no; or it could not be asked, which is a temporary error. */
export type HookRefusal =
  | { readonly ok: false; readonly error: ErrorReply }
  | { readonly ok: false; readonly close: CloseReason };

export type HookAnswer<T> = ({ readonly ok: true } & T) | HookRefusal;

export interface ConnectRequest extends Omit<HookClient, "user"> {
  readonly token?: string;
  readonly data?: Buffer;
  readonly name?: string;
  readonly version?: string;
  /** Channels that the client wants to recover. */
  readonly channels: readonly string[];
}

export interface SubscribeRequest {
  readonly client: HookClient;
  readonly channel: string;
  readonly token?: string;
  readonly data?: Buffer;
}

export interface PublishRequest {
  readonly client: HookClient;
  readonly channel: string;
  readonly data: Buffer;
}

export interface RpcRequest {
  readonly client: HookClient;
  readonly method: string;
  readonly data?: Buffer;
}

/** New claims, or the end of the connection (or subscription). */
export type RefreshAnswer = HookAnswer<{
  readonly isExpired: boolean;
  readonly expiresAt?: number;
  readonly info?: Buffer;
}>;

/** Every answer comes in bounded time; nothing rejects. */
export interface Hooks {
  /** Which hooks are configured; those of channels are asked where the namespace says so. */
  readonly has: Readonly<Record<"connect" | "refresh" | "subscribe" | "subRefresh" | "publish" | "rpc", boolean>>;
  connect(request: ConnectRequest): Promise<HookAnswer<{ readonly claims: ConnectionClaims; readonly data?: Buffer }>>;
  refresh(client: HookClient): Promise<RefreshAnswer>;
  subscribe(request: SubscribeRequest): Promise<HookAnswer<{ readonly subscription: ServerSubscription }>>;
  subRefresh(client: HookClient, channel: string): Promise<RefreshAnswer>;
  /** `data` replaces the payload; `isHandled`: the application has published itself, nothing more is done. */
  publish(request: PublishRequest): Promise<HookAnswer<{ readonly data?: Buffer; readonly isHandled?: boolean }>>;
  rpc(request: RpcRequest): Promise<HookAnswer<{ readonly data?: Buffer }>>;
  close(): void;
}
