import { createSecretKey } from "node:crypto";
import type { Clock, Random } from "../clock.ts";
import type { Settings } from "../settings.ts";
import type { CompactToken } from "./compact-token.ts";
import type { JwksFailure, JwksLocation } from "./jwks-fetch.ts";
import { JwksSource, type JwksTiming } from "./jwks-source.ts";
import type { TokenAlgorithm, VerificationKey } from "./verification-key.ts";

/** Keys that are tried for one token: a forged one must not cost more. */
const MAX_CANDIDATES = 16;
/** How long a token may wait for the keys of a URL, milliseconds; SDKs give a command 5 seconds. */
const SETTLE_TIMEOUT_MS = 4_000;

export interface Candidates {
  /** Keys that may have signed the token. */
  readonly keys: readonly VerificationKey[];
  /** The token names a key that is here: asking again would bring nothing new. */
  readonly isNamed: boolean;
  /** Why there is no key. */
  readonly reason: "unknown-key" | "algorithm";
}

/** The part of the settings that tokens depend on. */
export type TokenSettings = Pick<Settings, "hmacSecret" | "tokenKeys" | "tokenCa"> & {
  readonly config: Pick<Settings["config"], "auth">;
};

export interface KeyRingOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  readonly timing: JwksTiming;
  readonly onFetched: (outcome: "ok" | JwksFailure, location: JwksLocation) => void;
}

/** Every key of the current settings: those of files, and those of URLs, which come and go by themselves. */
export class KeyRing implements Disposable {
  readonly #options: KeyRingOptions;
  #fileKeys: readonly VerificationKey[] = [];
  #sources = new Map<string, { readonly location: JwksLocation; readonly source: JwksSource }>();

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** Sources that stay keep their keys. */
  configure({ config: { auth }, hmacSecret, tokenKeys = [], tokenCa }: TokenSettings): void {
    const secret = hmacSecret === undefined ? [] : [secretKey(hmacSecret)];
    this.#fileKeys = [...secret, ...tokenKeys];
    const locations: readonly JwksLocation[] = [
      ...(auth.jwks ?? []).map((each) => ({ ...each, ca: tokenCa })),
      ...(auth.oidc ?? []).map((each) => ({ ...each, ca: tokenCa, discover: true as const })),
    ];
    const wanted = new Map(locations.map((location) => [JSON.stringify(location), location]));
    for (const [id, { source }] of this.#sources) {
      if (wanted.has(id)) continue;
      source[Symbol.dispose]();
      this.#sources.delete(id);
    }
    for (const [id, location] of wanted) {
      if (!this.#sources.has(id)) {
        this.#sources.set(id, { location, source: new JwksSource({ ...this.#options, location }) });
      }
    }
  }

  get size(): number {
    return this.#fileKeys.length + [...this.#sources.values()].reduce((sum, { source }) => sum + source.keys.length, 0);
  }

  /**
   * Of the keys known now: a token that names a key gets keys of that name, else those without a name; a token that names none
   * gets all. Always only keys made for the token's algorithm and issuer.
   */
  candidates(token: CompactToken): Candidates {
    const { alg, kid, issuer } = token;
    const known = [...this.#fileKeys, ...this.#sourcesFor(token).flatMap(({ keys }) => keys)];
    const vouching = known.filter((key) => key.issuer === undefined || key.issuer === issuer);
    const named = kid === undefined ? [] : vouching.filter((key) => key.kid === kid);
    const isNamed = named.length > 0;
    const unnamed = kid === undefined ? vouching : vouching.filter((key) => key.kid === undefined);
    const eligible = isNamed ? named : unnamed;
    const keys = eligible.filter(({ algorithms }) => algorithms.has(alg as TokenAlgorithm)).slice(0, MAX_CANDIDATES);
    const isUnknown = eligible.length === 0 || (kid !== undefined && !isNamed);
    return { keys, isNamed, reason: isUnknown ? "unknown-key" : "algorithm" };
  }

  /**
   * Waits for the URLs that may have the token's key, in bounded time: for a key of that name, or for a fetch that shows there is
   * none; of a token that names none only for URLs that are away. False when one of them could not be asked.
   */
  async settle(token: CompactToken): Promise<boolean> {
    const settled = await Promise.all(
      this.#sourcesFor(token).map((source) => {
        const isFound = (): boolean => (token.kid === undefined ? source.isHealthy : this.candidates(token).isNamed);
        return source.settle(isFound, SETTLE_TIMEOUT_MS);
      }),
    );
    return !settled.includes(false);
  }

  /** A token of another issuer is none of a source's, and must not make it fetch. */
  #sourcesFor(token: CompactToken): readonly JwksSource[] {
    return [...this.#sources.values()]
      .filter(({ location: { issuer } }) => issuer === undefined || issuer === token.issuer)
      .map(({ source }) => source);
  }

  [Symbol.dispose](): void {
    for (const { source } of this.#sources.values()) source[Symbol.dispose]();
    this.#sources.clear();
  }
}

function secretKey(secret: Uint8Array): VerificationKey {
  return { key: createSecretKey(secret), algorithms: new Set(["HS256", "HS384", "HS512"]) };
}
