/** The port of token verification. */
import type { CloseReason, ErrorReply } from "@belay/protocol";
import type { Identity, ServerSubscription } from "../session/session.ts";

export type Refusal = { readonly close: CloseReason } | { readonly error: ErrorReply };

/** What a connection token says: everything of the identity but the client id, which the server chooses. */
export interface ConnectionClaims extends Omit<Identity, "client"> {
  /** Server-side subscriptions: the claims `channels` and `subs`. */
  readonly subs?: ReadonlyMap<string, ServerSubscription>;
}

export type ConnectionVerdict =
  | { readonly ok: true; readonly claims: ConnectionClaims }
  | {
      readonly ok: false;
      readonly refusal: Refusal;
      /** For the log and the metric; never for the client. */ readonly reason: string;
    };

/** What a subscription token says. */
export interface SubscriptionClaims extends ServerSubscription {
  readonly user: string;
  readonly channel: string;
}

export type SubscriptionVerdict =
  | { readonly ok: true; readonly claims: SubscriptionClaims }
  | { readonly ok: false; readonly refusal: Refusal; readonly reason: string };

/** Judges tokens by the keys of the current settings. Never rejects, whatever the token is; bounded time also when a JWKS is away. */
export interface TokenVerifier {
  verifyConnection(token: string): Promise<ConnectionVerdict>;
  /** `client` and `user` of the connection: a token made for somebody else is refused. */
  verifySubscription(
    token: string,
    expected: { readonly channel: string; readonly user: string; readonly client: string },
  ): Promise<SubscriptionVerdict>;
}

/** One rule that ends connections made before `beforeSeconds` (of a user, of one token) or blocks a user. */
export interface Revocation {
  readonly user?: string;
  readonly tokenId?: string;
  /** Tokens issued before this second since 1970 are void; absent: all there are now. */
  readonly issuedBefore?: number;
  /** Until when the rule is kept, seconds since 1970. */
  readonly until: number;
  /** A block of the user: also for tokens yet to come. */
  readonly isBlock?: boolean;
}

/** Revocations of a cluster; each takes about 200 bytes on every node. */
export const MAX_REVOCATIONS = 100_000;

/** There are {@link MAX_REVOCATIONS} already: they have to end before one can be added. */
export class RevocationLimitError extends Error {
  constructor() {
    super(`there are ${MAX_REVOCATIONS} revocations already`);
    this.name = "RevocationLimitError";
  }
}

/** Revocations of the cluster: every node knows all of them, keeps them over the loss of Redis, and acts on a new one within 2 s. */
export interface Revocations {
  /** Whether the list was read once: a node that has not must not be offered connections. */
  readonly isLoaded: boolean;
  /** Revocations known here. */
  readonly size: number;
  start(): Promise<void>;
  /** Resolves once it is stored for all nodes. Rejects with BrokerUnavailableError or RevocationLimitError. */
  add(revocation: Revocation): Promise<void>;
  /** Takes back the block of a user. */
  unblock(user: string): Promise<void>;
  /** Undefined when the claims stand; else why the connection is refused. Synchronous: from what this node knows. */
  judge(claims: Pick<Identity, "user" | "tokenId" | "issuedAt">): "revoked" | "blocked" | undefined;
  /** Called for every revocation that comes to this node's knowledge. */
  onRevocation(listener: (revocation: Revocation) => void): void;
  close(): Promise<void>;
}
