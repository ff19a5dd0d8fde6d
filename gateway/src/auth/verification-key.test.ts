import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { expect, test } from "vitest";
import { parseKeys, parseKeySet } from "./verification-key.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const smallRsa = generateKeyPairSync("rsa", { modulusLength: 1024 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
const koblitz = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
const edwards = generateKeyPairSync("ed25519");

interface Pair {
  readonly publicKey: KeyObject;
}
const pem = ({ publicKey }: Pair): string => publicKey.export({ type: "spki", format: "pem" });
const jwk = ({ publicKey }: Pair): object => publicKey.export({ format: "jwk" });

function algorithmsOf(parsed: ReturnType<typeof parseKeys>): unknown {
  return parsed.ok ? parsed.keys.map(({ algorithms }) => [...algorithms].join(" ")) : parsed.problem;
}

test.each([
  ["RSA", rsa, "RS256 RS384 RS512"],
  ["P-256", p256, "ES256"],
  ["P-384", p384, "ES384"],
  ["P-521", p521, "ES512"],
  ["Ed25519", edwards, "EdDSA Ed25519"],
])("[AUT1] a key of type %s verifies its own algorithms only", (_type, pair, algorithms) => {
  expect(algorithmsOf(parseKeys("pem", pem(pair)))).toEqual([algorithms]);
  expect(algorithmsOf(parseKeys("jwks", JSON.stringify(jwk(pair))))).toEqual([algorithms]);
});

test("[AUT1] a secret verifies HMAC, RSA-PSS has to be named, and a named algorithm must fit the key", () => {
  expect(algorithmsOf(parseKeys("hmac", " secret\n"))).toEqual(["HS256 HS384 HS512"]);
  expect(algorithmsOf(parseKeys("hmac", "secret", { algorithms: ["HS512"] }))).toEqual(["HS512"]);
  expect(algorithmsOf(parseKeys("pem", pem(rsa), { algorithms: ["PS256", "RS256"] }))).toEqual(["RS256 PS256"]);
  expect(algorithmsOf(parseKeys("pem", pem(p256), { algorithms: ["RS256"] }))).toBe("must be a key for RS256");
  expect(algorithmsOf(parseKeys("hmac", "secret", { algorithms: ["RS256"] }))).toBe("must be a key for RS256");
});

test("[AUT1] the algorithm in a JWK is the only one of that key", () => {
  expect(algorithmsOf(parseKeys("jwks", JSON.stringify({ ...jwk(rsa), alg: "RS512" })))).toEqual(["RS512"]);
  expect(algorithmsOf(parseKeys("jwks", JSON.stringify({ ...jwk(rsa), alg: "PS384" })))).toEqual(["PS384"]);
  expect(algorithmsOf(parseKeys("jwks", JSON.stringify({ ...jwk(rsa), alg: "ES256" })))).toMatch(/^must hold/);
  const pinned = parseKeys("jwks", JSON.stringify({ ...jwk(rsa), alg: "RS256" }), { algorithms: ["RS512"] });
  expect(algorithmsOf(pinned)).toMatch(/^must hold/);
});

test("[AUT1] a PEM file may hold an old key and its successor", () => {
  expect(algorithmsOf(parseKeys("pem", `${pem(rsa)}\n${pem(p256)}`))).toEqual(["RS256 RS384 RS512", "ES256"]);
});

test.each([
  ["an empty secret", "hmac", " \n", "must be a file that is not empty"],
  ["no PEM", "pem", "hello", "must be PEM"],
  [
    "broken PEM",
    "pem",
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    "must be PEM public keys or certificates",
  ],
  [
    "a private key",
    "pem",
    rsa.privateKey.export({ type: "pkcs8", format: "pem" }),
    "must be public keys: a private one has no place here",
  ],
  ["a small RSA key", "pem", pem(smallRsa), "must be a key for a supported algorithm"],
  ["an unknown curve", "pem", pem(koblitz), "must be a key for a supported algorithm"],
  ["no JSON", "jwks", "{", "must be a JWK or a JWKS"],
  ["a list", "jwks", "[]", "must be a JWK or a JWKS"],
  ["an empty set", "jwks", '{"keys":[]}', "must hold a public key for signatures"],
  [
    "101 keys",
    "jwks",
    JSON.stringify({ keys: Array.from({ length: 101 }, () => jwk(p256)) }),
    "must be a JWK or a JWKS",
  ],
] as const)("[AUT1] %s is a problem, said without the file's content", (_title, type, text, problem) => {
  expect(parseKeys(type, text)).toEqual({ ok: false, problem });
});

test("[AUT9] of a set only public keys for signatures count", () => {
  const encoded = Buffer.from("secret").toString("base64url");
  const others = [
    { ...jwk(rsa), use: "enc" },
    { ...jwk(rsa), key_ops: ["encrypt"] },
    { kty: "oct", k: encoded },
    { kty: "quantum" },
    rsa.privateKey.export({ format: "jwk" }),
    jwk(smallRsa),
    { kty: "EC", crv: "P-256", x: "AAAA", y: "AAAA" },
    "key",
    null,
  ];
  const set = parseKeySet(
    { keys: [...others, { ...jwk(p256), kid: "good", use: "sig", key_ops: ["verify"] }] },
    {},
    false,
  );
  expect(set.ok && set.keys.map(({ kid }) => kid)).toEqual(["good"]);
  expect(parseKeySet({ keys: others }, {}, false)).toMatchObject({ ok: false });
  expect(algorithmsOf(parseKeys("jwks", JSON.stringify({ kty: "oct", k: encoded })))).toEqual(["HS256 HS384 HS512"]);
});
