import type { HandoverGrant, HandoverRequest, StreamPosition } from "./messages.ts";

/** Positions that one connect may carry. */
const MAX_POSITIONS = 1024;

/** With what a lost connection is continued by the next one: session and secret, for as long as the server keeps them. */
export class Continuation {
  #grant: HandoverGrant | undefined;
  #lostMs: number | undefined;

  /** A new connection; what was kept of the one before is void. */
  granted(grant: HandoverGrant | undefined): void {
    this.#grant = grant;
    this.#lostMs = undefined;
  }

  /** The server gave another secret for the same session. */
  renewed({ session, secret }: Pick<HandoverGrant, "session" | "secret">): void {
    if (this.#grant !== undefined) this.#grant = { ...this.#grant, session, secret };
  }

  /** Without a goodbye of the client: the server keeps the session for a while. */
  lost(nowMs: number): void {
    this.#lostMs ??= nowMs;
  }

  /** The session is over. */
  end(): void {
    this.#grant = undefined;
  }

  request(nowMs: number, positions: ReadonlyMap<string, StreamPosition>): HandoverRequest {
    if (this.#grant === undefined || this.#lostMs === undefined) return {};
    const { session, secret, resumeMs } = this.#grant;
    const isKept = nowMs - this.#lostMs < resumeMs;
    return isKept && positions.size <= MAX_POSITIONS ? { session, secret, positions } : {};
  }
}
