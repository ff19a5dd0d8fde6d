import { CLOSE, type CloseReason, ERROR, type ErrorReply } from "@belay/protocol";
import { errors, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../clock.ts";

/** What a good token says. */
export interface TokenClaims {
  readonly user: string;
  /** JSON text of the `info` claim. */
  readonly connInfo?: string;
  /** Seconds since 1970. */
  readonly expiresAt?: number;
}

export type TokenVerdict =
  | { readonly ok: true; readonly claims: TokenClaims }
  | { readonly ok: false; readonly close: CloseReason }
  | { readonly ok: false; readonly error: ErrorReply };

const ALGORITHMS = ["HS256", "HS384", "HS512"];
/** How far the clock of the token's issuer may be ahead (AUT3), seconds. */
const CLOCK_TOLERANCE_SECONDS = 5;
const INVALID: TokenVerdict = { ok: false, close: CLOSE.invalidToken };

/** Judges a connection token (AUT1–AUT3). Never rejects, whatever the token is. */
export async function verifyToken(token: string, secret: Uint8Array | undefined, clock: Clock): Promise<TokenVerdict> {
  if (secret === undefined) return INVALID;
  const now = clock.date();
  try {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ALGORITHMS,
      currentDate: now,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    return claimsOf(payload, now.getTime() / 1000);
  } catch (error) {
    if (error instanceof errors.JWTExpired) return { ok: false, error: ERROR.tokenExpired };
    return INVALID;
  }
}

function claimsOf({ sub, exp, iat, ...claims }: JWTPayload, nowSeconds: number): TokenVerdict {
  if (typeof sub !== "string" || sub === "") return INVALID;
  if (iat !== undefined && iat > nowSeconds + CLOCK_TOLERANCE_SECONDS) return INVALID;
  // No tolerance here: the connection would be closed as expired as soon as it is open, and the client would come back at once.
  if (exp !== undefined && exp <= nowSeconds) return { ok: false, error: ERROR.tokenExpired };
  const info = claims["info"];
  return {
    ok: true,
    claims: {
      user: sub,
      ...(info !== undefined && info !== null && { connInfo: JSON.stringify(info) }),
      ...(exp !== undefined && { expiresAt: exp }),
    },
  };
}
