import { CLOSE, ERROR } from "@belay/protocol";
import { errors, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../clock.ts";
import type { SettingsSource } from "../settings.ts";
import type { ConnectionVerdict, Refusal, SubscriptionVerdict, TokenVerifier } from "./verifier.ts";

const ALGORITHMS = ["HS256", "HS384", "HS512"];
/** How far the clock of the token's issuer may be ahead (AUT3), seconds. */
const CLOCK_TOLERANCE_SECONDS = 5;
const INVALID: Refusal = { close: CLOSE.invalidToken };

type Verified =
  | { readonly ok: true; readonly payload: JWTPayload }
  | { readonly ok: false; readonly refusal: Refusal; readonly reason: string };

/** Judges tokens by the one secret of the settings. */
export class HmacVerifier implements TokenVerifier {
  readonly #settings: SettingsSource;
  readonly #clock: Clock;

  constructor(settings: SettingsSource, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  async verifyConnection(token: string): Promise<ConnectionVerdict> {
    const verified = await this.#verify(token);
    if (!verified.ok) return verified;
    const { sub, exp, iat, jti, ...claims } = verified.payload;
    if (typeof sub !== "string" || sub === "") return { ok: false, refusal: INVALID, reason: "sub" };
    const info = claims["info"];
    return {
      ok: true,
      claims: {
        user: sub,
        ...(info !== undefined && info !== null && { connInfo: Buffer.from(JSON.stringify(info)) }),
        ...(exp !== undefined && { expiresAt: exp }),
        ...(iat !== undefined && { issuedAt: iat }),
        ...(jti !== undefined && { tokenId: jti }),
      },
    };
  }

  async verifySubscription(
    token: string,
    expected: { readonly channel: string; readonly user: string },
  ): Promise<SubscriptionVerdict> {
    const verified = await this.#verify(token);
    if (!verified.ok) return verified;
    const { sub = "", exp, ...claims } = verified.payload;
    if (sub !== expected.user || claims["channel"] !== expected.channel) {
      return { ok: false, refusal: { error: ERROR.permissionDenied }, reason: "mismatch" };
    }
    return { ok: true, claims: { user: sub, channel: expected.channel, ...(exp !== undefined && { expiresAt: exp }) } };
  }

  async #verify(token: string): Promise<Verified> {
    const secret = this.#settings.current.hmacSecret;
    if (secret === undefined) return { ok: false, refusal: INVALID, reason: "no key" };
    const now = this.#clock.date();
    try {
      const { payload } = await jwtVerify(token, secret, {
        algorithms: ALGORITHMS,
        currentDate: now,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      return judgeTimes(payload, now.getTime() / 1000);
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        return { ok: false, refusal: { error: ERROR.tokenExpired }, reason: "expired" };
      return { ok: false, refusal: INVALID, reason: "invalid" };
    }
  }
}

function judgeTimes(payload: JWTPayload, nowSeconds: number): Verified {
  const { exp, iat } = payload;
  if (iat !== undefined && iat > nowSeconds + CLOCK_TOLERANCE_SECONDS) {
    return { ok: false, refusal: INVALID, reason: "issued in the future" };
  }
  // No tolerance here: the connection would be closed as expired as soon as it is open, and the client would come back at once.
  if (exp !== undefined && exp <= nowSeconds)
    return { ok: false, refusal: { error: ERROR.tokenExpired }, reason: "expired" };
  return { ok: true, payload };
}
