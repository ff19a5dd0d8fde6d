import type { Logger } from "pino";
import type { Clock } from "../clock.ts";

/** Quiet time between two lines with the same reason, milliseconds: whoever sends bad tokens must not fill the log. */
const QUIET_MS = 10_000;

/** Why a token was refused: what the log and the metric say, and the client never hears. */
export type TokenRefusalReason =
  | "too-large"
  | "malformed"
  | "algorithm"
  | "unknown-key"
  | "signature"
  | "claims"
  | "expired"
  | "not-yet-valid"
  | "issuer"
  | "audience"
  | "mismatch"
  | "revoked"
  | "blocked"
  | "keys-away"
  | "overloaded";

/** Logs refused tokens, at most one line for each reason in 10 s. */
export class RefusalLog {
  readonly #log: Pick<Logger, "info">;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #last = new Map<TokenRefusalReason, { readonly atMs: number; unsaid: number }>();

  constructor(log: Pick<Logger, "info">, clock: Pick<Clock, "nowMs">) {
    this.#log = log;
    this.#clock = clock;
  }

  refused(reason: TokenRefusalReason, kind: "connection" | "subscription"): void {
    const nowMs = this.#clock.nowMs();
    const last = this.#last.get(reason);
    if (last !== undefined && nowMs - last.atMs < QUIET_MS) {
      last.unsaid += 1;
      return;
    }
    this.#last.set(reason, { atMs: nowMs, unsaid: 0 });
    this.#log.info({ reason, kind, ...(last && last.unsaid > 0 && { unsaid: last.unsaid }) }, "token refused");
  }
}
