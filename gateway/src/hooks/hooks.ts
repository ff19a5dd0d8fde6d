/** The port to the application: what it is asked before a command acts. */
import type { CloseReason, ErrorReply } from "@belay/protocol";
import type { ConnectionClaims } from "../auth/verifier.ts";
import type { Capability, Identity, ServerSubscription } from "../session/session.ts";

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
  readonly data?: Buffer;
  readonly name?: string;
  readonly version?: string;
  /** Channels that the client wants to recover. */
  readonly channels: readonly string[];
}

export interface SubscribeRequest {
  readonly client: HookClient;
  readonly channel: string;
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
  /** Of the connection, instead of what it had. */
  readonly meta?: Buffer;
  readonly caps?: readonly Capability[];
}>;

/** What becomes of a publication. */
export interface PublishDecision {
  /** Replaces the payload. */
  readonly data?: Buffer;
  /** The application has published itself: nothing more is done. */
  readonly isHandled?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
  readonly isUnstored?: boolean;
  readonly idempotencyKey?: string;
  readonly useDelta?: boolean;
  readonly version?: { readonly number: number; readonly epoch: string };
}

export const HOOK_NAMES = ["connect", "refresh", "subscribe", "subRefresh", "publish", "rpc"] as const;
export type HookName = (typeof HOOK_NAMES)[number];

/** Every answer comes in bounded time; nothing rejects. */
export interface Hooks {
  /** Which hooks are configured now; those of channels are asked where the namespace says so. */
  readonly has: Readonly<Record<HookName, boolean>>;
  connect(request: ConnectRequest): Promise<HookAnswer<{ readonly claims: ConnectionClaims; readonly data?: Buffer }>>;
  refresh(client: HookClient): Promise<RefreshAnswer>;
  subscribe(request: SubscribeRequest): Promise<HookAnswer<{ readonly subscription: ServerSubscription }>>;
  subRefresh(client: HookClient, channel: string): Promise<RefreshAnswer>;
  publish(request: PublishRequest): Promise<HookAnswer<PublishDecision>>;
  rpc(request: RpcRequest): Promise<HookAnswer<{ readonly data?: Buffer }>>;
  close(): void;
}
