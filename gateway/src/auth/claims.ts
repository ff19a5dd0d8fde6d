/** What a verified token says, in the words of Centrifuge's JWT conventions. Pure. */
import { isDeeperThan, MAX_NESTING, rawMember, withoutNewlines } from "@belay/protocol";
import { z } from "zod";
import type { Capability, ServerSubscription } from "../session/session.ts";
import type { ConnectionClaims, SubscriptionClaims } from "./verifier.ts";

/** A claim is wrong, or belongs to the other kind of token. */
type ClaimProblem = "claims" | "expired" | "not-yet-valid" | "issuer" | "audience";

export type ReadClaims<T> =
  | { readonly ok: true; readonly claims: T }
  | { readonly ok: false; readonly reason: ClaimProblem };

/** What a token has to satisfy besides its signature. */
export interface ClaimRules {
  readonly nowSeconds: number;
  /** How far the clock of the token's issuer may be ahead. */
  readonly clockSkewSeconds: number;
  /** Any of them; absent: not asked. */
  readonly audiences?: readonly string[] | undefined;
  readonly issuers?: readonly string[] | undefined;
  /** The only issuer of the key that verified the token. */
  readonly keyIssuer?: string | undefined;
  /** A token may be of the empty user. */
  readonly anonymous: boolean;
}

/** A subscription token and the ids that revocations name. */
export interface ReadSubscriptionClaims extends SubscriptionClaims {
  readonly client?: string;
  readonly issuedAt?: number;
  readonly tokenId?: string;
}

/** Seconds since 1970 up to the end of the year 9999: infinite and absurd times are no times. */
const seconds = z.number().min(0).max(253_402_300_799);
const flag = z.looseObject({ value: z.boolean().default(false) }).nullish();
const subscriptionOptions = {
  b64info: z.base64().nullish(),
  b64data: z.base64().nullish(),
  expire_at: seconds.nullish(),
  override: z
    .looseObject({ presence: flag, join_leave: flag, force_recovery: flag, force_positioning: flag })
    .nullish(),
};
const registered = {
  sub: z.string().nullish(),
  iss: z.string().nullish(),
  aud: z.union([z.string(), z.array(z.string())]).nullish(),
  exp: seconds.nullish(),
  nbf: seconds.nullish(),
  iat: seconds.nullish(),
  jti: z.string().nullish(),
};
const capability = z.looseObject({
  channels: z.array(z.string()),
  match: z.enum(["", "exact", "wildcard", "regex"]).nullish(),
  allow: z.array(z.enum(["pub", "sub", "prs", "hst"])),
});
const connection = z.looseObject({
  ...registered,
  b64info: z.base64().nullish(),
  expire_at: seconds.nullish(),
  channels: z.array(z.string()).nullish(),
  subs: z.record(z.string(), z.looseObject(subscriptionOptions)).nullish(),
  caps: z.array(capability).nullish(),
  // A subscription token must not open a connection.
  channel: z.literal("").nullish(),
});
const subscription = z.looseObject({
  ...registered,
  ...subscriptionOptions,
  channel: z.string().min(1),
  client: z.string().nullish(),
});

type Registered = z.infer<z.ZodObject<typeof registered>>;
type Options = z.infer<z.ZodObject<typeof subscriptionOptions>>;

/** `payload` is the JSON text that was signed. */
export function readConnectionClaims(payload: string, rules: ClaimRules): ReadClaims<ConnectionClaims> {
  const parsed = connection.safeParse(jsonOf(payload));
  if (!parsed.success) return { ok: false, reason: "claims" };
  const claims = parsed.data;
  // Without `sub` a token was made for something else; the empty one is a guest.
  const isGuest = claims.sub === "";
  if (typeof claims.sub !== "string" || (isGuest && !rules.anonymous)) return { ok: false, reason: "claims" };
  const problem = problemOf(claims, rules);
  if (problem !== undefined) return { ok: false, reason: problem };
  return { ok: true, claims: connectionClaims(payload, claims.sub, claims) };
}

function connectionClaims(payload: string, user: string, claims: z.infer<typeof connection>): ConnectionClaims {
  const meta = rawBytes(payload, ["meta"]);
  const subs = serverSubscriptions(payload, claims.subs ?? {}, claims.channels ?? []);
  return {
    user,
    ...bytesOf("connInfo", rawBytes(payload, ["info"]), claims.b64info),
    ...expiryOf(claims),
    ...idsOf(claims),
    ...(meta && { meta }),
    ...(claims.caps && { caps: claims.caps.map(capabilityOf) }),
    ...(subs.size > 0 && { subs }),
  };
}

export function readSubscriptionClaims(payload: string, rules: ClaimRules): ReadClaims<ReadSubscriptionClaims> {
  const parsed = subscription.safeParse(jsonOf(payload));
  if (!parsed.success) return { ok: false, reason: "claims" };
  const claims = parsed.data;
  const problem = problemOf(claims, rules);
  if (problem !== undefined) return { ok: false, reason: problem };
  return {
    ok: true,
    claims: {
      user: claims.sub ?? "",
      channel: claims.channel,
      ...(claims.client && { client: claims.client }),
      ...optionsOf(payload, [], claims),
      ...expiryOf(claims),
      ...idsOf(claims),
    },
  };
}

function problemOf(claims: Registered, rules: ClaimRules): ClaimProblem | undefined {
  return timeProblem(claims, rules) ?? originProblem(claims, rules);
}

function timeProblem({ exp, nbf, iat }: Registered, rules: ClaimRules): ClaimProblem | undefined {
  const latest = rules.nowSeconds + rules.clockSkewSeconds;
  if (Math.max(nbf ?? 0, iat ?? 0) > latest) return "not-yet-valid";
  // No tolerance here: the connection would be closed as expired as soon as it is open, and the client would come back at once.
  return typeof exp === "number" && exp <= rules.nowSeconds ? "expired" : undefined;
}

function originProblem({ iss, aud }: Registered, rules: ClaimRules): ClaimProblem | undefined {
  const issuer = iss ?? "";
  if (rules.keyIssuer !== undefined && issuer !== rules.keyIssuer) return "issuer";
  if (rules.issuers !== undefined && !rules.issuers.includes(issuer)) return "issuer";
  const audiences = [aud ?? []].flat();
  const isAddressed = rules.audiences === undefined || rules.audiences.some((each) => audiences.includes(each));
  return isAddressed ? undefined : "audience";
}

/** `expire_at` ends the connection or subscription instead of `exp`; 0: it does not end. */
function expiryOf({
  exp,
  expire_at: expireAt,
}: {
  exp?: number | null | undefined;
  expire_at?: number | null | undefined;
}): {
  readonly expiresAt?: number;
} {
  const end = expireAt ?? exp ?? 0;
  return end > 0 ? { expiresAt: end } : {};
}

function idsOf({ iat, jti }: Registered): { readonly issuedAt?: number; readonly tokenId?: string } {
  return { ...(typeof iat === "number" && { issuedAt: iat }), ...(jti && { tokenId: jti }) };
}

/** As in Centrifugo `channels` counts only without `subs`. */
function serverSubscriptions(
  payload: string,
  subs: Readonly<Record<string, Options>>,
  channels: readonly string[],
): ReadonlyMap<string, ServerSubscription> {
  const named = Object.entries(subs);
  if (named.length === 0) return new Map(channels.map((channel) => [channel, {}]));
  return new Map(
    named.map(([channel, options]) => [
      channel,
      { ...optionsOf(payload, ["subs", channel], options), ...expiryOf(options) },
    ]),
  );
}

function optionsOf(payload: string, path: readonly string[], options: Options): ServerSubscription {
  const override = overrideOf(options.override ?? {});
  return {
    ...bytesOf("info", rawBytes(payload, [...path, "info"]), options.b64info),
    ...bytesOf("data", rawBytes(payload, [...path, "data"]), options.b64data),
    ...(Object.keys(override).length > 0 && { override }),
  };
}

function overrideOf(flags: NonNullable<Options["override"]>): NonNullable<ServerSubscription["override"]> {
  return {
    ...(flags.presence && { presence: flags.presence.value }),
    ...(flags.join_leave && { joinLeave: flags.join_leave.value }),
    ...(flags.force_recovery && { forceRecovery: flags.force_recovery.value }),
    ...(flags.force_positioning && { forcePositioning: flags.force_positioning.value }),
  };
}

function capabilityOf({ channels, match, allow }: z.infer<typeof capability>): Capability {
  return { channels, match: match || "exact", allow };
}

/** Bytes in base64 stand instead of JSON, for payloads that are binary. */
function bytesOf<K extends string>(
  key: K,
  json: Buffer | undefined,
  base64: string | null | undefined,
): { readonly [P in K]?: Buffer } {
  const bytes = base64 ? Buffer.from(base64, "base64") : json;
  return (bytes === undefined ? {} : { [key]: bytes }) as { readonly [P in K]?: Buffer };
}

/** The member's JSON text as it was signed: numbers and key order stay. Null counts as absent. */
function rawBytes(payload: string, path: readonly string[]): Buffer | undefined {
  const raw = rawMember(payload, path);
  return raw === undefined || raw === "null" ? undefined : Buffer.from(withoutNewlines(raw));
}

/** Of a claim that occurs twice the last one counts (RFC 7519 §4), here as in rawMember. */
function jsonOf(text: string): unknown {
  if (isDeeperThan(text, MAX_NESTING)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the schema refuses it.
    return undefined;
  }
}
