/** Schema of who may connect: keys of tokens, and what a token has to say. */
import { z } from "zod";
import { dataKey, objectName, rules } from "../fields.ts";
import type { AuthSpec, SecretKeyRef } from "./gen/types.ts";

export function secretKeyRef(defaultKey: string): z.ZodType<SecretKeyRef> {
  return z
    .strictObject({
      name: objectName.describe("Name of a Secret in the same namespace."),
      key: dataKey.default(defaultKey).describe("Key inside the Secret."),
    })
    .meta({ typeName: "SecretKeyRef" });
}

const algorithm = z.enum([
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
]);

function algorithms(): z.ZodExactOptional<z.ZodArray<typeof algorithm>> {
  return z
    .array(algorithm)
    .min(1)
    .max(14)
    .meta({ "x-kubernetes-list-type": "set" })
    .exactOptional()
    .describe(
      "Algorithms the keys verify. Absent: what the type of each key allows; PS256, PS384 and PS512 have to be named.",
    );
}

const webUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s#]*)?$/);
const claim = z.string().min(1).max(512);

function claims(description: string): z.ZodExactOptional<z.ZodArray<typeof claim>> {
  return z.array(claim).min(1).max(16).meta({ "x-kubernetes-list-type": "set" }).exactOptional().describe(description);
}

const tokenKey = z
  .strictObject({
    secretRef: secretKeyRef("key").describe("Secret that holds the key. A changed value is used without a restart."),
    type: z
      .enum(["hmac", "pem", "jwks"])
      .describe(
        "hmac: the secret itself. pem: public keys or certificates. jwks: a JWK or JWKS, which may hold secrets.",
      ),
    algorithms: algorithms(),
    kid: claim.exactOptional().describe("The key is used for tokens that name it so, or name none."),
  })
  .meta({ typeName: "TokenKeySpec" });

const keySet = z
  .strictObject({
    url: webUrl.describe("URL of a JWKS; fetched every 5 minutes, and when a token names an unknown key."),
    issuer: claim.exactOptional().describe("The keys are used for tokens with this iss only."),
    algorithms: algorithms(),
  })
  .meta({ typeName: "KeySetSpec" });

const openId = z
  .strictObject({
    issuer: webUrl.describe(
      "Issuer as tokens name it; <issuer>/.well-known/openid-configuration says where its keys are, and they are used for its tokens only.",
    ),
    algorithms: algorithms(),
  })
  .meta({ typeName: "OpenIdSpec" });

export const auth: z.ZodType<AuthSpec> = z
  .strictObject({
    anonymous: z.boolean().default(false).describe("Accept clients without a token."),
    hmacSecretRef: secretKeyRef("hmac")
      .exactOptional()
      .describe(
        "Secret that signs connection tokens (HS256/384/512). Without it the operator generates one in `<name>-keys`.",
      ),
    keys: z
      .array(tokenKey)
      .min(1)
      .max(16)
      .exactOptional()
      .describe("More keys; a token may be signed with any of them. A change of the list replaces the pods."),
    jwks: z.array(keySet).min(1).max(16).exactOptional().describe("Key sets at URLs."),
    oidc: z
      .array(openId)
      .min(1)
      .max(16)
      .exactOptional()
      .describe("OpenID Connect providers. They need audiences, because they sign tokens for other applications too."),
    caSecretRef: secretKeyRef("ca.crt")
      .exactOptional()
      .describe(
        "Secret with PEM certificates that are trusted for jwks and oidc besides the usual ones, for a provider with a private CA.",
      ),
    audiences: claims("A token must be for one of them. Absent: not asked."),
    issuers: claims("A token must be of one of them. Absent: not asked."),
    clockSkewSeconds: z
      .int32()
      .min(0)
      .max(300)
      .exactOptional()
      .describe("How far the clock of a token's issuer may be ahead. 5 when absent."),
  })
  .meta({
    typeName: "AuthSpec",
    ...rules([
      "!has(self.oidc) || has(self.audiences)",
      "auth.oidc needs auth.audiences: an issuer signs tokens for other applications too",
    ]),
  });
