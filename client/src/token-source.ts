/** Called with nothing, answers with a token. Throws `UnauthorizedError` where there will be none; any other error is tried again. */
export type TokenProvider = () => Promise<string>;

/** The newest token, asked for once however many need it at the same time. */
export class TokenSource {
  readonly #provider: TokenProvider | undefined;
  #token: string | undefined;
  #fetching: Promise<string> | undefined;

  constructor(token: string | undefined, provider: TokenProvider | undefined) {
    this.#token = token;
    this.#provider = provider;
  }

  get atHand(): string | undefined {
    return this.#token;
  }

  get canRenew(): boolean {
    return this.#provider !== undefined;
  }

  /** The token at hand, or a new one. */
  async get(): Promise<string | undefined> {
    return this.#token ?? (this.#provider === undefined ? undefined : this.renew());
  }

  /** A new token, whatever is at hand. */
  async renew(): Promise<string> {
    if (this.#fetching !== undefined) return this.#fetching;
    const fetching = this.#fetch();
    this.#fetching = fetching;
    try {
      const token = await fetching;
      if (this.#fetching === fetching) this.#token = token;
      return token;
    } finally {
      if (this.#fetching === fetching) this.#fetching = undefined;
    }
  }

  /** Whoever was asked does not answer: should he do so after all, that changes nothing. */
  forget(): void {
    this.#fetching = undefined;
  }

  /** The token at hand is of no use any more. */
  drop(): void {
    if (this.canRenew) this.#token = undefined;
  }

  async #fetch(): Promise<string> {
    const token = await this.#provider?.();
    // Types do not bind everybody.
    if (!token) throw new Error("the token provider gave no token");
    return token;
  }
}

/** Refreshed so long before its end, at most a fifth of its life. */
const LEAD_MS = 30_000;

/** When to refresh what ends in `ttlSeconds`. */
export function refreshDelayMs(ttlSeconds: number): number {
  const ttlMs = ttlSeconds * 1000;
  return Math.max(0, ttlMs - Math.min(LEAD_MS, ttlMs / 5));
}
