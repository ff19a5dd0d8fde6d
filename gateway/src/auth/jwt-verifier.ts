import { CLOSE, ERROR } from "@belay/protocol";
import { compactVerify } from "jose";
import type { Logger } from "pino";
import type { Clock, Random } from "../clock.ts";
import { type ClaimRules, type ReadClaims, readConnectionClaims, readSubscriptionClaims } from "./claims.ts";
import { type CompactToken, readToken } from "./compact-token.ts";
import type { JwksFailure, JwksLocation } from "./jwks-fetch.ts";
import { DEFAULT_JWKS_TIMING, type JwksTiming } from "./jwks-source.ts";
import { type Candidates, KeyRing, type TokenSettings } from "./key-ring.ts";
import { RefusalLog, type TokenRefusalReason } from "./refusal-log.ts";
import { TOKEN_ALGORITHMS, type VerificationKey } from "./verification-key.ts";
import type { ConnectionVerdict, Refusal, Revocations, SubscriptionVerdict, TokenVerifier } from "./verifier.ts";
import { WorkLimit } from "./work-limit.ts";

export interface JwtVerifierOptions {
  readonly settings: {
    readonly current: TokenSettings;
    onChange(listener: (settings: TokenSettings) => void): void;
  };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly revocations: Pick<Revocations, "judge">;
  readonly timing?: Partial<JwksTiming>;
  /** For the metric. */
  readonly onRefused?: (reason: TokenRefusalReason) => void;
  readonly onFetched?: (outcome: "ok" | JwksFailure) => void;
}

/** Closing it ends the background work. */
export interface JwtVerifier extends TokenVerifier, Disposable {
  /** Keys known now. */
  readonly keyCount: number;
}

/** Signatures checked at a time: they share a pool of four threads with DNS and files. */
const MAX_RUNNING = 4;
/** About a second of RSA signatures; more would only be answered after the client has given up. */
const MAX_WAITING = 8_192;

type Signed =
  | { readonly ok: true; readonly payload: string; readonly key: VerificationKey }
  | { readonly ok: false; readonly reason: TokenRefusalReason };

/** Fetches of key sets begin at once. */
export function createJwtVerifier(options: JwtVerifierOptions): JwtVerifier {
  return new JoseVerifier(options);
}

class JoseVerifier implements JwtVerifier {
  readonly #options: JwtVerifierOptions;
  readonly #keys: KeyRing;
  readonly #limit = new WorkLimit({ maxRunning: MAX_RUNNING, maxWaiting: MAX_WAITING });
  readonly #refusals: RefusalLog;
  readonly #away = new Set<JwksLocation>();

  constructor(options: JwtVerifierOptions) {
    const { settings, clock, random, log, timing } = options;
    this.#options = options;
    this.#refusals = new RefusalLog(log, clock);
    this.#keys = new KeyRing({
      clock,
      random,
      timing: { ...DEFAULT_JWKS_TIMING, ...timing },
      onFetched: (outcome, location) => this.#onFetched(outcome, location),
    });
    this.#keys.configure(settings.current);
    settings.onChange((changed) => this.#keys.configure(changed));
  }

  get keyCount(): number {
    return this.#keys.size;
  }

  async verifyConnection(token: string): Promise<ConnectionVerdict> {
    const read = await this.#read(token, readConnectionClaims);
    if (!read.ok) return this.#refuse("connection", read.reason, connectionRefusal(read.reason));
    const revoked = this.#options.revocations.judge(read.claims);
    if (revoked !== undefined) return this.#refuse("connection", revoked, { close: CLOSE.revoked });
    return { ok: true, claims: read.claims };
  }

  async verifySubscription(
    token: string,
    expected: { readonly channel: string; readonly user: string; readonly client: string },
  ): Promise<SubscriptionVerdict> {
    const read = await this.#read(token, readSubscriptionClaims);
    if (!read.ok) return this.#refuse("subscription", read.reason, subscriptionRefusal(read.reason));
    const { client, issuedAt, tokenId, ...claims } = read.claims;
    const isHere = claims.channel === expected.channel && claims.user === expected.user;
    // Made for somebody else: peers close here, because no honest client comes to this.
    if (!isHere || (client ?? expected.client) !== expected.client) {
      return this.#refuse("subscription", "mismatch", { close: CLOSE.invalidToken });
    }
    const ids = { user: claims.user, ...(issuedAt !== undefined && { issuedAt }), ...(tokenId && { tokenId }) };
    const revoked = this.#options.revocations.judge(ids);
    if (revoked !== undefined) return this.#refuse("subscription", revoked, { error: ERROR.permissionDenied });
    return { ok: true, claims };
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]();
  }

  async #read<T>(
    token: string,
    readClaims: (payload: string, rules: ClaimRules) => ReadClaims<T>,
  ): Promise<{ readonly ok: true; readonly claims: T } | { readonly ok: false; readonly reason: TokenRefusalReason }> {
    const signed = await this.#verify(token);
    if (!signed.ok) return signed;
    return readClaims(signed.payload, claimRules(this.#options.settings.current, signed.key, this.#options.clock));
  }

  async #verify(text: string): Promise<Signed> {
    const read = readToken(text);
    if (!read.ok) return read;
    if (!(TOKEN_ALGORITHMS as readonly string[]).includes(read.token.alg)) return { ok: false, reason: "algorithm" };
    const known = this.#keys.candidates(read.token);
    const signed = await this.#verifyWith(text, read.token, known);
    if (signed.ok || signed.reason === "overloaded" || known.isNamed) return signed;
    const isSettled = await this.#keys.settle(read.token);
    const all = this.#keys.candidates(read.token);
    const retried = await this.#verifyWith(text, read.token, {
      ...all,
      keys: all.keys.filter((key) => !known.keys.includes(key)),
    });
    if (retried.ok || retried.reason === "overloaded") return retried;
    // A URL that could not be asked may have the key: the client had better come back.
    if (!isSettled) return { ok: false, reason: "keys-away" };
    return all.keys.length > 0 ? { ok: false, reason: "signature" } : retried;
  }

  async #verifyWith(text: string, token: CompactToken, { keys, reason }: Candidates): Promise<Signed> {
    if (keys.length === 0) return { ok: false, reason };
    const signed = await this.#limit.run(() => verifyWith(text, token, keys));
    return signed ?? { ok: false, reason: "overloaded" };
  }

  #refuse(
    kind: "connection" | "subscription",
    reason: TokenRefusalReason,
    refusal: Refusal,
  ): { readonly ok: false; readonly refusal: Refusal; readonly reason: string } {
    this.#options.onRefused?.(reason);
    this.#refusals.refused(reason, kind);
    return { ok: false, refusal, reason };
  }

  /** One line when keys cannot be had any more, one when they can again. */
  #onFetched(outcome: "ok" | JwksFailure, location: JwksLocation): void {
    this.#options.onFetched?.(outcome);
    const { log } = this.#options;
    if (outcome !== "ok" && !this.#away.has(location)) {
      this.#away.add(location);
      log.warn({ from: describe(location), failure: outcome }, "token keys cannot be fetched, the last ones stay");
    } else if (outcome === "ok" && this.#away.delete(location)) {
      log.info({ from: describe(location) }, "token keys can be fetched again");
    }
  }
}

async function verifyWith(text: string, { alg }: CompactToken, keys: readonly VerificationKey[]): Promise<Signed> {
  for (const key of keys) {
    try {
      const { payload } = await compactVerify(text, key.key, { algorithms: [alg] });
      return { ok: true, payload: new TextDecoder().decode(payload), key };
    } catch {
      // Not signed with this one; why is of no use to anybody who does not hold the key.
    }
  }
  return { ok: false, reason: "signature" };
}

function claimRules({ config: { auth } }: TokenSettings, key: VerificationKey, clock: Pick<Clock, "date">): ClaimRules {
  return {
    nowSeconds: clock.date().getTime() / 1000,
    clockSkewSeconds: auth.clockSkewSeconds,
    audiences: auth.audiences,
    issuers: auth.issuers,
    keyIssuer: key.issuer,
    anonymous: auth.anonymous,
  };
}

function connectionRefusal(reason: TokenRefusalReason): Refusal {
  if (reason === "expired") return { error: ERROR.tokenExpired };
  return temporaryRefusal(reason) ?? { close: CLOSE.invalidToken };
}

function subscriptionRefusal(reason: TokenRefusalReason): Refusal {
  if (reason === "expired") return { error: ERROR.tokenExpired };
  return temporaryRefusal(reason) ?? { error: ERROR.permissionDenied };
}

/** The token may be good: a final answer would lock out clients for an outage that is not theirs. */
function temporaryRefusal(reason: TokenRefusalReason): Refusal | undefined {
  if (reason === "keys-away") return { error: ERROR.internal };
  return reason === "overloaded" ? { error: ERROR.tooManyRequests } : undefined;
}

/** Without query and credentials. */
function describe(location: JwksLocation): string {
  const url = URL.parse("url" in location ? location.url : location.issuer);
  return url === null ? "" : `${url.origin}${url.pathname}`;
}
