import { CLOSE, type CloseReason, type Command } from "@belay/protocol";

/** Whom a connection belongs to. */
export interface Identity {
  readonly client: string;
  /** Empty for an anonymous client. */
  readonly user: string;
  /** JSON text of the token's `info` claim. */
  readonly connInfo?: string;
  /** Seconds since 1970 at which the token ends. */
  readonly expiresAt?: number;
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
      return command.kind === "connect" ? { close: CLOSE.badRequest, rule: "CON2" } : "hold";
    case "connected":
      return command.kind === "connect" ? { close: CLOSE.badRequest, rule: "CON2" } : "run";
    case "refused":
    case "closed":
      return "drop";
  }
}
