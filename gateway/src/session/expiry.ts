/** When identities and subscriptions end. Pure but for the clock that is handed in. */

/**
 * What a client gets to renew a token after its end, seconds: SDKs ask for a new one exactly when the old one ends.
 */
export const EXPIRY_GRACE_SECONDS = 25;

/** 68 years: the field has 32 bits in Protobuf. */
const MAX_TTL_SECONDS = 2 ** 31 - 1;

/** At least 1: one SDK stumbles over a time to live of 0. */
export function secondsUntil(expiresAt: number, clock: { date(): Date }): number {
  return Math.min(MAX_TTL_SECONDS, Math.max(1, Math.ceil(expiresAt - clock.date().getTime() / 1000)));
}
