/** Algorithms of RFC 7518 §3.1 and RFC 8037 that a gateway verifies. */
export type AuthAlgorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "EdDSA"
  | "Ed25519";

/** `auth` of the gateway's configuration. All of it is *hot*; key files are read again within seconds of a change. */
export interface AuthConfig {
  /** Connect without a token. Default false. */
  readonly anonymous?: boolean;
  /** File with the HMAC secret (HS256/384/512) of tokens. */
  readonly hmacSecretFile?: string;
  /** More keys; a token may be signed with any. */
  readonly keys?: readonly {
    readonly file: string;
    /** `hmac`: the secret itself. `pem`: public keys or certificates. `jwks`: a JWK or JWKS, which may hold secrets too. */
    readonly type: "hmac" | "pem" | "jwks";
    /** Absent: what the key's type allows; PS256, PS384 and PS512 have to be named. */
    readonly algorithms?: readonly AuthAlgorithm[];
    /** Only for tokens that name this key, or none. */
    readonly kid?: string;
  }[];
  /** Key sets fetched every 5 minutes, and when a token names an unknown key. */
  readonly jwks?: readonly {
    readonly url: string;
    readonly algorithms?: readonly AuthAlgorithm[];
    /** Only tokens of this issuer may be signed with these keys. */
    readonly issuer?: string;
  }[];
  /** OpenID Connect: the issuer's discovery document names the key set, whose keys verify tokens of this issuer only. Needs `audiences`. */
  readonly oidc?: readonly { readonly issuer: string; readonly algorithms?: readonly AuthAlgorithm[] }[];
  /** File with PEM certificates that are trusted for `jwks` and `oidc` besides the usual ones. */
  readonly caFile?: string;
  /** A token must be for one of them. Absent: not asked. */
  readonly audiences?: readonly string[];
  /** A token must be of one of them. Absent: not asked. */
  readonly issuers?: readonly string[];
  /** How far the clock of a token's issuer may be ahead, for `nbf` and `iat`. Default 5. */
  readonly clockSkewSeconds?: number;
}
