import { CLOSE, type CloseReason, type Command } from "@belay/protocol";

/** Channels that a token opens, and for what. */
export interface Capability {
  readonly channels: readonly string[];
  /** How `channels` are read: as names, with `*` and `?`, or as regular expressions. */
  readonly match: "exact" | "wildcard" | "regex";
  readonly allow: readonly ("pub" | "sub" | "prs" | "hst")[];
}

/** A subscription that the server makes when the client connects. */
export interface ServerSubscription {
  /** JSON text of the channel info. */
  readonly info?: Buffer;
  readonly data?: Buffer;
  readonly expiresAt?: number;
  /** Instead of what the namespace says. */
  readonly override?: Partial<
    Record<"presence" | "joinLeave" | "forceJoinLeave" | "forceRecovery" | "forcePositioning", boolean>
  >;
}

/** Whom a connection belongs to: from its token, from a hook, or anonymous. */
export interface Identity {
  readonly client: string;
  /** Empty for an anonymous client. */
  readonly user: string;
  /** JSON text of the connection info. */
  readonly connInfo?: Buffer;
  /** Seconds since 1970 at which the token ends. */
  readonly expiresAt?: number;
  /** Seconds since 1970 at which the token was issued, and its id: what a revocation names. */
  readonly issuedAt?: number;
  readonly tokenId?: string;
  /** JSON text that goes to hooks and to nobody else. */
  readonly meta?: Buffer;
  readonly caps?: readonly Capability[];
}

/**
 * The states of a client on one connection:
 *
 *   awaiting-connect ──connect──► connecting ──► connected
 *                                     └────────► refused
 *   and from each of them ► closed
 */
export type Session =
  | { readonly state: "awaiting-connect" }
  | { readonly state: "connecting" }
  | { readonly state: "connected"; readonly identity: Identity }
  | { readonly state: "refused" }
  | { readonly state: "closed"; readonly reason: CloseReason };

export const NEW_SESSION: Session = { state: "awaiting-connect" };

/** What is done with a command: acted on now, held until connect is answered, dropped, or answered by closing. */
export type Verdict = "run" | "hold" | "drop" | { readonly close: CloseReason; readonly rule: string };

export function admit(session: Session, command: Command): Verdict {
  switch (session.state) {
    case "awaiting-connect":
      return command.kind === "connect" ? "run" : { close: CLOSE.badRequest, rule: "CMD5" };
    case "connecting":
      // A second connect too: whether it matters depends on what comes of the first.
      return "hold";
    case "connected":
      return command.kind === "connect" ? { close: CLOSE.badRequest, rule: "CON2" } : "run";
    case "refused":
    case "closed":
      return "drop";
  }
}
