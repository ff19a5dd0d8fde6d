import { createSecretKey } from "node:crypto";
import { CompactSign, exportSPKI, generateKeyPair, importJWK, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeAll, expect, test } from "vitest";
import { parseKeys } from "../src/auth/verification-key.ts";
import { type SigningKey, signingKey } from "./jwks-server.ts";
import { encoded, keysOf, SECRET, verdictOf, type VerifierRig, verifierRig } from "./verifier-rig.ts";

const open: VerifierRig[] = [];
let first: SigningKey;
let second: SigningKey;
beforeAll(async () => {
  [first, second] = await Promise.all([signingKey("one"), signingKey("two")]);
});
afterEach(() => {
  for (const each of open.splice(0)) each[Symbol.dispose]();
});

function rig(...options: Parameters<typeof verifierRig>): VerifierRig {
  const made = verifierRig(...options);
  open.push(made);
  return made;
}

const ann: JWTPayload = { sub: "ann" };

function signWithSecret(secret: string): Promise<string> {
  return new SignJWT(ann).setProtectedHeader({ alg: "HS256" }).sign(createSecretKey(secret, "utf8"));
}

test.each(["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"])(
  "[AUT1] a token signed with %s is good with its key, and with no other algorithm",
  async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const spki = await exportSPKI(publicKey);
    const keys = keysOf(parseKeys("pem", spki, alg.startsWith("PS") ? { algorithms: [alg as "PS256"] } : {}));
    const verifying = rig({}, { tokenKeys: keys, hmacSecret: Buffer.from(SECRET) });
    const token = await new SignJWT(ann).setProtectedHeader({ alg }).sign(privateKey);
    expect(await verdictOf(verifying, token)).toBe("ok");
    const [, payload = "", signature = ""] = token.split(".");
    for (const other of ["HS256", "RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA"].filter(
      (each) => each !== alg,
    )) {
      expect(await verdictOf(verifying, `${encoded({ alg: other })}.${payload}.${signature}`)).toMatch(/^3500 /);
    }
  },
);

test("[AUT1] the public key as HMAC secret, alg none and a changed payload are refused", async () => {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const spki = await exportSPKI(publicKey);
  const verifying = rig({}, { tokenKeys: keysOf(parseKeys("pem", spki)) });
  for (const secret of [spki, spki.trim(), `${spki}\n`]) {
    const forged = await signWithSecret(secret);
    expect(await verdictOf(verifying, forged)).toBe("3500 algorithm");
  }
  for (const alg of ["none", "None", "NONE", "", "HS1", "RSA-OAEP"]) {
    expect(await verdictOf(verifying, `${encoded({ alg })}.${encoded(ann)}.`)).toBe("3500 algorithm");
  }
  const good = await new SignJWT(ann).setProtectedHeader({ alg: "RS256" }).sign(privateKey);
  const [head = "", , signature = ""] = good.split(".");
  expect(await verdictOf(verifying, `${head}.${encoded({ sub: "root" })}.${signature}`)).toBe("3500 signature");
});

test("[AUT1] both keys of a rotation are good, until the old one is taken away", async () => {
  const both = keysOf(parseKeys("hmac", "old secret"), parseKeys("hmac", "new secret"));
  const verifying = rig({}, { tokenKeys: both });
  expect(await verdictOf(verifying, await signWithSecret("old secret"))).toBe("ok");
  expect(await verdictOf(verifying, await signWithSecret("new secret"))).toBe("ok");
  verifying.reconfigure({}, { tokenKeys: both.slice(1) });
  expect(await verdictOf(verifying, await signWithSecret("old secret"))).toBe("3500 signature");
  expect(await verdictOf(verifying, await signWithSecret("new secret"))).toBe("ok");
});

test("[AUT5] without any key every token is refused", async () => {
  expect(await verdictOf(rig({}), await first.sign(ann))).toBe("3500 unknown-key");
});

test.each([
  ["a path", "../../../../dev/null"],
  ["SQL", "' UNION SELECT 'secret' --"],
  ["an object of the language", "__proto__"],
  ["a URL", "http://169.254.169.254/keys"],
  ["nothing", ""],
  ["a nul", "\u0000"],
])("[AUT6] a kid that is %s names no key", async (_title, kid) => {
  const verifying = rig({}, { tokenKeys: keysOf(parseKeys("jwks", JSON.stringify(first.publicJwk))) });
  expect(await verdictOf(verifying, await first.sign(ann, { kid }))).toBe("3500 unknown-key");
});

test.each([
  ["one that is empty", "", "malformed"],
  ["one with two parts", "a.b", "malformed"],
  ["one with five parts, encrypted", `${encoded({ alg: "RSA-OAEP", enc: "A256GCM" })}.aa.bb.cc.dd`, "malformed"],
  ["one in JSON form", '{"payload":"e30","protected":"e30","signature":"AA"}', "malformed"],
  ["one with spaces", " a.b.c", "malformed"],
  ["a header that is no object", `${encoded([1])}.${encoded(ann)}.AA`, "malformed"],
  [
    "a header nested in thousands of levels",
    `${Buffer.from("[".repeat(9000)).toString("base64url")}.e30.AA`,
    "malformed",
  ],
  ["critical extensions", `${encoded({ alg: "HS256", crit: ["exp"], exp: 1 })}.${encoded(ann)}.AA`, "malformed"],
  ["an alg that is no text", `${encoded({ alg: ["HS256"] })}.${encoded(ann)}.AA`, "malformed"],
  ["a huge kid", `${encoded({ alg: "HS256", kid: "k".repeat(513) })}.${encoded(ann)}.AA`, "malformed"],
  [
    "a token inside the token",
    `${encoded({ alg: "HS256" })}.${Buffer.from('"a.b.c"').toString("base64url")}.AA`,
    "malformed",
  ],
  ["16 KiB and one", `${encoded({ alg: "HS256" })}.${"A".repeat(16_384)}.AA`, "too-large"],
  ["a megabyte", "A".repeat(1_048_576), "too-large"],
])("[AUT7] %s is refused before any key is looked at", async (_title, token, reason) => {
  const verifying = rig({}, { hmacSecret: Buffer.from(SECRET) });
  expect(await verdictOf(verifying, token)).toBe(`3500 ${reason}`);
});

test("[AUT7] [AUT13] a nested payload that is well signed is refused with the code and no more", async () => {
  const deep = Buffer.from(`{"sub":"ann","info":${"[".repeat(2000)}${"]".repeat(2000)}}`);
  const token = await new CompactSign(deep).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(SECRET));
  const verdict = await rig({}, { hmacSecret: Buffer.from(SECRET) }).verifier.verifyConnection(token);
  expect(verdict).toEqual({ ok: false, refusal: { close: { code: 3500, reason: "invalid token" } }, reason: "claims" });
});

test("[AUT12] a subscription token is good for its channel, user and client alone", async () => {
  const { verifier, reasons } = rig({}, { tokenKeys: keysOf(parseKeys("jwks", JSON.stringify(first.publicJwk))) });
  const expected = { channel: "chat", user: "ann", client: "c1" };
  const outcome = async (claims: JWTPayload): Promise<unknown> => {
    const verdict = await verifier.verifySubscription(await first.sign(claims), expected);
    if (verdict.ok) return verdict.claims;
    return "close" in verdict.refusal ? verdict.refusal.close.code : verdict.refusal.error.code;
  };
  const good = { sub: "ann", channel: "chat" };
  expect(await outcome({ ...good, client: "c1", jti: "x", iat: 1 })).toEqual({ user: "ann", channel: "chat" });
  expect(await outcome({ ...good, channel: "other" })).toBe(3500);
  expect(await outcome({ ...good, sub: "bob" })).toBe(3500);
  expect(await outcome({ channel: "chat" })).toBe(3500);
  expect(await outcome({ ...good, client: "c2" })).toBe(3500);
  expect(reasons).toEqual(["mismatch", "mismatch", "mismatch", "mismatch"]);
  expect(await outcome({ sub: "ann" })).toBe(103);
  expect(await outcome({ ...good, exp: 1 })).toBe(109);
  const forged = await verifier.verifySubscription(await second.sign(good, { kid: "one" }), expected);
  expect(forged).toMatchObject({ refusal: { error: { code: 103 } }, reason: "signature" });
});

test("[AUT14] thousands of tokens at once are answered, and the event loop goes on", async () => {
  const verifying = rig({}, { tokenKeys: keysOf(parseKeys("jwks", JSON.stringify(first.publicJwk))) });
  const token = await first.sign(ann);
  let slowestMs = 0;
  let beforeMs = performance.now();
  const watch = setInterval(() => {
    slowestMs = Math.max(slowestMs, performance.now() - beforeMs);
    beforeMs = performance.now();
  }, 5);
  const verdicts = await Promise.all(Array.from({ length: 12_000 }, () => verifying.verifier.verifyConnection(token)));
  clearInterval(watch);
  const turnedAway = verdicts.filter((verdict) => !verdict.ok && verdict.reason === "overloaded");
  expect(verdicts.filter(({ ok }) => ok).length + turnedAway.length).toBe(12_000);
  expect(turnedAway.length).toBeGreaterThan(0);
  expect(turnedAway[0]).toMatchObject({ refusal: { error: { code: 111, temporary: true } } });
  expect(slowestMs).toBeLessThan(500);
});

test("[AUT6] a secret inside a key set file is found by its name", async () => {
  const jwk = { kty: "oct", k: Buffer.from(SECRET).toString("base64url"), kid: "s1", alg: "HS256" };
  const verifying = rig({}, { tokenKeys: keysOf(parseKeys("jwks", JSON.stringify({ keys: [jwk] }))) });
  const key = await importJWK(jwk);
  const sign = (head: { alg: string; kid?: string }): Promise<string> =>
    new SignJWT(ann).setProtectedHeader(head).sign(key);
  expect(await verdictOf(verifying, await sign({ alg: "HS256", kid: "s1" }))).toBe("ok");
  expect(await verdictOf(verifying, await sign({ alg: "HS256" }))).toBe("ok");
  expect(await verdictOf(verifying, await sign({ alg: "HS512", kid: "s1" }))).toBe("3500 algorithm");
  expect(await verdictOf(verifying, await sign({ alg: "HS256", kid: "s2" }))).toBe("3500 unknown-key");
});
