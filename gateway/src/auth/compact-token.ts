/** A token before anything is verified: its form, its header, and whom it says it is from. Pure. */
import { z } from "zod";

/** Longest token that is looked at, characters. Tokens of identity providers with many roles have 2 to 6 thousand. */
const MAX_TOKEN_LENGTH = 16_384;

export interface CompactToken {
  readonly alg: string;
  readonly kid?: string;
  /** The claim `iss`, not verified: good for choosing keys, and for nothing else. */
  readonly issuer?: string;
}

export type ReadToken =
  | { readonly ok: true; readonly token: CompactToken }
  | { readonly ok: false; readonly reason: "too-large" | "malformed" };

/** Three parts of base64url. A token of five parts is encrypted, which nobody asked for. */
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/;

/** `jku`, `jwk`, `x5u` and `x5c` are not read: where keys come from is not the token's to say. */
const header = z.looseObject({
  alg: z.string(),
  kid: z.string().max(512).optional(),
  // Extensions that must be understood (RFC 7515 §4.1.11): none is.
  crit: z.undefined().optional(),
});
const origin = z.looseObject({ iss: z.string().optional().catch(undefined) });

export function readToken(text: string): ReadToken {
  if (text.length > MAX_TOKEN_LENGTH) return { ok: false, reason: "too-large" };
  const [, headerPart = "", payloadPart = ""] = COMPACT.exec(text) ?? [];
  const read = header.safeParse(jsonOf(headerPart));
  const payload = origin.safeParse(jsonOf(payloadPart));
  if (!read.success || !payload.success) return { ok: false, reason: "malformed" };
  const { alg, kid } = read.data;
  const issuer = payload.data.iss;
  return { ok: true, token: { alg, ...(kid !== undefined && { kid }), ...(issuer !== undefined && { issuer }) } };
}

function jsonOf(base64url: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64url, "base64url").toString("utf8"));
  } catch {
    // Not JSON: the schema refuses it.
    return undefined;
  }
}
