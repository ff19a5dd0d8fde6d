import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { readConnectionClaims, readSubscriptionClaims } from "./claims.ts";
import { readToken } from "./compact-token.ts";
import { parseKeySet, parseKeys } from "./verification-key.ts";

const runs = { numRuns: 3_000, seed: 20_260 };
const rules = { nowSeconds: 1000, clockSkewSeconds: 5, anonymous: true, audiences: ["a"] };

/** Claims and headers as an attacker would vary them: known names, values of any kind. */
const claims = fc.dictionary(
  fc.constantFrom(
    ..."sub exp iat nbf jti iss aud info b64info meta subs channels caps channel client __proto__".split(" "),
  ),
  fc.oneof(fc.jsonValue(), fc.constantFrom("", "a", 1, 1e300, -1, null, [], {}, ["a"], { a: { value: true } })),
);
const header = fc.dictionary(
  fc.constantFrom("alg", "kid", "crit", "jku", "typ", "__proto__"),
  fc.oneof(fc.jsonValue(), fc.constantFrom("HS256", "none", "RS256", ["HS256"])),
);
const jwk = fc.dictionary(
  fc.constantFrom("kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y", "k", "d"),
  fc.oneof(fc.jsonValue(), fc.constantFrom("RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "AQAB", "sig", "ES256")),
);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

test.prop(
  [
    fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.tuple(header, claims).map(([a, b]) => `${part(a)}.${part(b)}.AA`),
    ),
  ],
  runs,
)("[AUT7] whatever a token is, reading it gives a value", (text) => {
  const read = readToken(text);
  expect(read.ok ? typeof read.token.alg : read.reason).toMatch(/string|malformed|too-large/);
});

test.prop(
  [
    fc.oneof(
      fc.string({ maxLength: 200 }),
      claims.map((value) => JSON.stringify(value)),
    ),
  ],
  runs,
)("[AUT7] [AUT11] whatever was signed, reading its claims gives a value", (payload) => {
  for (const read of [readConnectionClaims(payload, rules), readSubscriptionClaims(payload, rules)]) {
    if (read.ok) expect(typeof read.claims.user).toBe("string");
    else expect(read.reason).toMatch(/^(claims|expired|not-yet-valid|issuer|audience)$/);
  }
});

test.prop(
  [
    fc.oneof(
      fc.jsonValue(),
      fc.array(jwk).map((keys) => ({ keys })),
    ),
  ],
  runs,
)("[AUT9] whatever a key set is, reading it gives keys or a problem, and secrets never from a URL", (value) => {
  const fetched = parseKeySet(value, {}, false);
  const secrets = fetched.ok ? fetched.keys.filter(({ key }) => key.type === "secret") : [];
  expect(secrets).toEqual([]);
  const read = parseKeys("jwks", JSON.stringify(value));
  const empty = read.ok ? read.keys.filter(({ key }) => key.symmetricKeySize === 0) : [];
  expect(empty).toEqual([]);
});
