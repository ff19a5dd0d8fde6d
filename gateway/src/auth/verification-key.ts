/** Keys that tokens are signed with, as read from files and key sets. A key verifies only the algorithms it was made for. */
import { createPublicKey, createSecretKey, type JsonWebKeyInput, type KeyObject } from "node:crypto";
import { z } from "zod";

/** Every algorithm a token may be signed with: RFC 7518 §3.1, RFC 8037 (EdDSA) and RFC 9864, which names its curve. */
export const TOKEN_ALGORITHMS = [
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

export interface VerificationKey {
  readonly key: KeyObject;
  /** A token that names another algorithm was not made with this key, whatever its signature. */
  readonly algorithms: ReadonlySet<TokenAlgorithm>;
  readonly kid?: string;
  /** Only tokens of this issuer may be signed with the key. */
  readonly issuer?: string;
}

export type KeyType = "hmac" | "pem" | "jwks";

/** What the configuration says about the keys of one source. */
export interface KeyPins {
  /** Absent: what the key's type allows, without RSA-PSS, which has to be named. */
  readonly algorithms?: readonly TokenAlgorithm[] | undefined;
  readonly kid?: string | undefined;
  readonly issuer?: string | undefined;
}

/** `problem` follows the name of a key: "must be …". */
export type ParsedKeys =
  | { readonly ok: true; readonly keys: readonly VerificationKey[] }
  | { readonly ok: false; readonly problem: string };

/** RFC 7518 §3.3: a smaller RSA key must not be used. */
const MIN_RSA_BITS = 2048;
/** Keys of one set; identity providers publish two to ten. */
const MAX_KEYS = 100;
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** Reads the text of a key file. */
export function parseKeys(type: KeyType, text: string, pins: KeyPins = {}): ParsedKeys {
  switch (type) {
    case "hmac":
      return parseSecret(text, pins);
    case "pem":
      return parsePem(text, pins);
    case "jwks":
      return parseKeySet(jsonOf(text), pins, true);
  }
}

function parseSecret(text: string, pins: KeyPins): ParsedKeys {
  const secret = text.trim();
  if (secret === "") return { ok: false, problem: "must be a file that is not empty" };
  return one(createSecretKey(secret, "utf8"), pins);
}

/** One key or more, each in a block of its own: an old key and its successor may stand in one file. */
function parsePem(text: string, pins: KeyPins): ParsedKeys {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  if (blocks.length === 0 || blocks.length > MAX_KEYS) return { ok: false, problem: "must be PEM" };
  const keys: VerificationKey[] = [];
  for (const [block, label = ""] of blocks) {
    if (label.includes("PRIVATE"))
      return { ok: false, problem: "must be public keys: a private one has no place here" };
    const key = publicKey(block);
    const parsed = key === undefined ? undefined : one(key, pins);
    if (parsed === undefined) return { ok: false, problem: "must be PEM public keys or certificates" };
    if (!parsed.ok) return parsed;
    keys.push(...parsed.keys);
  }
  return { ok: true, keys };
}

function one(key: KeyObject, pins: KeyPins): ParsedKeys {
  const algorithms = pinnedAlgorithms(key, pins.algorithms);
  if (algorithms === undefined) {
    const wanted = pins.algorithms === undefined ? "a supported algorithm" : pins.algorithms.join(", ");
    return { ok: false, problem: `must be a key for ${wanted}` };
  }
  return { ok: true, keys: [withPins(key, algorithms, pins)] };
}

function withPins(key: KeyObject, algorithms: ReadonlySet<TokenAlgorithm>, { kid, issuer }: KeyPins): VerificationKey {
  return { key, algorithms, ...(kid !== undefined && { kid }), ...(issuer !== undefined && { issuer }) };
}

const keySet = z.union([
  z.looseObject({ keys: z.array(z.unknown()).max(MAX_KEYS) }),
  z.looseObject({ kty: z.string() }).transform((key) => ({ keys: [key] })),
]);

const jsonWebKey = z.looseObject({
  kty: z.string(),
  kid: z.string().max(512).optional(),
  alg: z.string().optional(),
  use: z.literal("sig").optional(),
  key_ops: z.array(z.string()).optional(),
});

/**
 * Reads a JWK or JWKS. Keys for other purposes and of unknown types are skipped, as RFC 7517 §5 asks; a set without a usable key
 * is a problem. Secrets (`oct`) count only where `allowSecrets`: a published set must not hold one.
 */
export function parseKeySet(value: unknown, pins: KeyPins, allowSecrets: boolean): ParsedKeys {
  const set = keySet.safeParse(value);
  if (!set.success) return { ok: false, problem: "must be a JWK or a JWKS" };
  const keys = set.data.keys.flatMap((each) => keyOfSet(each, pins, allowSecrets) ?? []);
  if (keys.length === 0) return { ok: false, problem: "must hold a public key for signatures" };
  return { ok: true, keys };
}

function keyOfSet(value: unknown, pins: KeyPins, allowSecrets: boolean): VerificationKey | undefined {
  const parsed = jsonWebKey.safeParse(value);
  if (!parsed.success) return undefined;
  const jwk = parsed.data;
  if (jwk.key_ops !== undefined && !jwk.key_ops.includes("verify")) return undefined;
  const key = jwk.kty === "oct" ? secretOfSet(jwk["k"], allowSecrets) : publicKeyOfSet(jwk);
  if (key === undefined) return undefined;
  const algorithms = pinnedAlgorithms(key, jwk.alg === undefined ? pins.algorithms : both(jwk.alg, pins.algorithms));
  return algorithms && withPins(key, algorithms, { ...pins, kid: jwk.kid ?? pins.kid });
}

/** What the key says of itself, within what the configuration allows. */
function both(alg: string, pinned: readonly TokenAlgorithm[] | undefined): readonly TokenAlgorithm[] {
  return (pinned ?? TOKEN_ALGORITHMS).filter((each) => each === alg || (alg === "EdDSA" && each === "Ed25519"));
}

function secretOfSet(encoded: unknown, isAllowed: boolean): KeyObject | undefined {
  if (!isAllowed || typeof encoded !== "string") return undefined;
  const secret = Buffer.from(encoded, "base64url");
  // What is no base64url reads as nothing, and with an empty secret anybody could sign.
  return secret.length === 0 ? undefined : createSecretKey(secret);
}

function publicKeyOfSet(jwk: z.infer<typeof jsonWebKey>): KeyObject | undefined {
  // With its private part a published key is nobody's any more.
  if (Object.hasOwn(jwk, "d")) return undefined;
  try {
    return createPublicKey({ key: jwk as JsonWebKeyInput["key"], format: "jwk" });
  } catch {
    // A type or curve that this runtime does not know, or not a key at all.
    return undefined;
  }
}

function publicKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    // The caller names the rule; the library's words say nothing more.
    return undefined;
  }
}

/** Undefined when the key cannot be used, or not for what is wanted. */
function pinnedAlgorithms(
  key: KeyObject,
  wanted: readonly TokenAlgorithm[] | undefined,
): ReadonlySet<TokenAlgorithm> | undefined {
  const possible = possibleAlgorithms(key);
  const pinned =
    wanted === undefined
      ? possible.filter((algorithm) => !algorithm.startsWith("PS"))
      : possible.filter((algorithm) => wanted.includes(algorithm));
  return pinned.length === 0 ? undefined : new Set(pinned);
}

function possibleAlgorithms(key: KeyObject): readonly TokenAlgorithm[] {
  if (key.type === "secret") return family("HS");
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  if (type === "rsa") return modulusLength < MIN_RSA_BITS ? [] : [...family("RS"), ...family("PS")];
  if (type === "ed25519") return family("Ed");
  return type === "ec" ? curveAlgorithms(namedCurve) : [];
}

function family(prefix: string): readonly TokenAlgorithm[] {
  return TOKEN_ALGORITHMS.filter((algorithm) => algorithm.startsWith(prefix));
}

function curveAlgorithms(curve: string | undefined): readonly TokenAlgorithm[] {
  if (curve === "prime256v1") return ["ES256"];
  if (curve === "secp384r1") return ["ES384"];
  return curve === "secp521r1" ? ["ES512"] : [];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is not a key set either: the caller says what it must be.
    return undefined;
  }
}
