import { type Retrying, retryMs } from "./backoff.ts";
import type { CancelTimer, Clock } from "./clock.ts";
import { ServerError, UnauthorizedError } from "./errors.ts";
import { toError } from "./failure.ts";
import type { Answer, Outcome } from "./link.ts";
import { refreshDelayMs, type TokenSource } from "./token-source.ts";

export interface TokenRefreshOptions extends Retrying {
  readonly clock: Clock;
  readonly tokens: TokenSource;
  /** Hands a token to the server. */
  readonly send: (token: string, answer: Answer) => void;
  /** The token cannot be renewed: what it opens will end. */
  readonly onFailed: (error: Error) => void;
}

/** Renews a connection's or a subscription's token before its end, for as long as it is started. */
export class TokenRefresh {
  readonly #options: TokenRefreshOptions;
  #cancelTimer: CancelTimer | undefined;
  #endMs: number | undefined;
  /** Grows with every start and stop, so that an answer for an earlier one is known. */
  #turn = 0;

  constructor(options: TokenRefreshOptions) {
    this.#options = options;
  }

  /** `ttlSeconds` as the server told it; without an end, or without a provider, nothing is to be done. */
  start({ expires, ttl }: { readonly expires?: boolean; readonly ttl?: number }): void {
    this.stop();
    this.#endMs = undefined;
    if (expires !== true || ttl === undefined || !this.#options.tokens.canRenew) return;
    this.#endMs = this.#options.clock.nowMs() + ttl * 1000;
    this.#after(refreshDelayMs(ttl), 0);
  }

  /** Goes on with the end that was known before `stop`. */
  resume(): void {
    if (this.#endMs === undefined || this.#cancelTimer !== undefined) return;
    const ttlMs = Math.max(0, this.#endMs - this.#options.clock.nowMs());
    this.start({ expires: true, ttl: ttlMs / 1000 });
  }

  stop(): void {
    this.#turn += 1;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #after(delayMs: number, attempt: number): void {
    const turn = this.#turn;
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      const isCurrent = (): boolean => turn === this.#turn;
      const onToken = (token: string): void => {
        if (isCurrent()) this.#options.send(token, (outcome) => isCurrent() && this.#answered(outcome, attempt));
      };
      this.#options.tokens
        .renew()
        .then(onToken)
        .catch((error: unknown) => isCurrent() && this.#failed(toError(error), attempt));
    });
  }

  #answered(outcome: Outcome, attempt: number): void {
    if (!outcome.ok) return this.#failed(outcome.error, attempt);
    const { reply } = outcome;
    if (reply.kind === "refresh" || reply.kind === "sub_refresh") this.start(reply.result);
  }

  #failed(error: Error, attempt: number): void {
    const isFinal = error instanceof UnauthorizedError || (error instanceof ServerError && !error.isTemporary);
    if (isFinal) return this.#options.onFailed(error);
    this.#after(retryMs(this.#options, attempt), attempt + 1);
  }
}
