/** `auth` of the configuration file: whose tokens open a connection. */
import { z } from "zod";
import { type KeyType, TOKEN_ALGORITHMS, type TokenAlgorithm } from "../auth/verification-key.ts";

interface KeyFile {
  readonly file: string;
  readonly type: KeyType;
  readonly algorithms?: readonly TokenAlgorithm[] | undefined;
  readonly kid?: string | undefined;
}

interface KeyUrl {
  readonly url: string;
  readonly algorithms?: readonly TokenAlgorithm[] | undefined;
  readonly issuer?: string | undefined;
}

interface KeyIssuer {
  readonly issuer: string;
  readonly algorithms?: readonly TokenAlgorithm[] | undefined;
}

export interface AuthConfig {
  readonly anonymous: boolean;
  readonly hmacSecretFile?: string | undefined;
  readonly keys?: readonly KeyFile[] | undefined;
  readonly jwks?: readonly KeyUrl[] | undefined;
  readonly oidc?: readonly KeyIssuer[] | undefined;
  readonly caFile?: string | undefined;
  readonly audiences?: readonly string[] | undefined;
  readonly issuers?: readonly string[] | undefined;
  readonly clockSkewSeconds: number;
}

/** Entries of each list; each URL costs a fetch every five minutes. */
const MAX_ENTRIES = 16;
const file = z.string("must be a path").min(1, "must be a path");
const name = z.string("must be text").min(1, "must not be empty").max(512, "must have at most 512 characters");
const url = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .max(2048, "must be an http or https URL");
const algorithms = z
  .array(z.enum(TOKEN_ALGORITHMS, `must be one of ${TOKEN_ALGORITHMS.join(", ")}`))
  .min(1, "must name an algorithm")
  .optional();
const skewRule = "must be an integer from 0 to 300";

function listOf<T>(entry: z.ZodType<T>): z.ZodOptional<z.ZodArray<z.ZodType<T>>> {
  return z
    .array(entry, "must be a list")
    .min(1, "must not be empty")
    .max(MAX_ENTRIES, `must have at most ${MAX_ENTRIES} entries`)
    .optional();
}

const schema = z
  .strictObject({
    anonymous: z.boolean("must be true or false").default(false),
    hmacSecretFile: file.optional(),
    keys: listOf(
      z.strictObject({
        file,
        type: z.enum(["hmac", "pem", "jwks"], "must be hmac, pem or jwks"),
        algorithms,
        kid: name.optional(),
      }),
    ),
    jwks: listOf(z.strictObject({ url, algorithms, issuer: name.optional() })),
    oidc: listOf(z.strictObject({ issuer: url, algorithms })),
    caFile: file.optional(),
    audiences: listOf(name),
    issuers: listOf(name),
    clockSkewSeconds: z.number(skewRule).int(skewRule).min(0, skewRule).max(300, skewRule).default(5),
  })
  .check(({ value: { oidc, audiences }, issues }) => {
    if (oidc === undefined || audiences !== undefined) return;
    // An issuer signs tokens for every application it knows; only the audience says that one is meant for this.
    issues.push({ code: "custom", path: ["audiences"], message: "must be set where auth.oidc is", input: audiences });
  })
  .prefault({});

export const authConfig: z.ZodType<AuthConfig> = schema;
