import type { HandoverGrant, HandoverRequest, StreamPosition } from "./messages.ts";

/** Positions that one connect may carry. */
const MAX_POSITIONS = 1024;

interface Loss {
  readonly atMs: number;
  readonly positions: ReadonlyMap<string, StreamPosition>;
}

/** With what a lost connection is continued by the next one: session and secret, for as long as the server keeps them. */
export class Continuation {
  #grant: HandoverGrant | undefined;
  #loss: Loss | undefined;

  /** A new connection; what was kept of the one before is void. */
  granted(grant: HandoverGrant | undefined): void {
    this.#grant = grant;
    this.#loss = undefined;
  }

  /** The server gave another secret for the same session. */
  renewed({ session, secret }: Pick<HandoverGrant, "session" | "secret">): void {
    if (this.#grant !== undefined) this.#grant = { ...this.#grant, session, secret };
  }

  /** Without a goodbye of the client: the server keeps the session for a while, and delivers behind these places then. */
  lost(atMs: number, positions: ReadonlyMap<string, StreamPosition>): void {
    this.#loss ??= { atMs, positions };
  }

  /** The session is over. */
  end(): void {
    this.#grant = undefined;
  }

  request(nowMs: number): HandoverRequest {
    if (this.#grant === undefined || this.#loss === undefined) return {};
    const { session, secret, resumeMs } = this.#grant;
    const { atMs, positions } = this.#loss;
    const isKept = nowMs - atMs < resumeMs;
    return isKept && positions.size <= MAX_POSITIONS ? { session, secret, positions } : {};
  }
}
