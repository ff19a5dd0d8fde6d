import type { AuthConfig } from "@belay/protocol/control";
import { expect, test } from "vitest";
import { checkConfig } from "../config.ts";

test("[AUT1] the whole of auth, and its defaults", () => {
  const auth: AuthConfig = {
    anonymous: true,
    hmacSecretFile: "/s",
    keys: [{ file: "/k", type: "pem", algorithms: ["PS256"], kid: "one" }],
    jwks: [{ url: "https://id.example/keys?x=1", issuer: "https://id.example" }],
    oidc: [{ issuer: "http://keycloak.auth.svc:8080/realms/shop" }],
    caFile: "/ca",
    audiences: ["belay"],
    issuers: ["https://id.example"],
    clockSkewSeconds: 0,
  };
  expect(checkConfig({ auth })).toMatchObject({ ok: true, config: { auth } });
  expect(checkConfig({})).toMatchObject({ ok: true, config: { auth: { anonymous: false, clockSkewSeconds: 5 } } });
});

test("[AUT1] everything that is wrong is said at once", () => {
  const auth = {
    keys: [{ file: "", type: "der", algorithms: ["none"] }],
    jwks: [{ url: "file:///etc/passwd" }],
    oidc: [{ issuer: "keycloak" }],
    issuers: [],
    clockSkewSeconds: 301,
    secret: "x",
  };
  const checked = checkConfig({ auth: auth as unknown as AuthConfig });
  expect(checked.ok ? [] : checked.problems.map((problem) => problem.replace(/, was: .*/, ""))).toEqual([
    "auth.keys.0.file must be a path",
    "auth.keys.0.type must be hmac, pem or jwks",
    expect.stringMatching(/^auth\.keys\.0\.algorithms\.0 must be one of HS256/),
    "auth.jwks.0.url must be an http or https URL",
    "auth.oidc.0.issuer must be an http or https URL",
    "auth.issuers must not be empty",
    "auth.clockSkewSeconds must be an integer from 0 to 300",
    "auth.secret must be a known key",
  ]);
});

test("[AUT8] OpenID Connect needs an audience", () => {
  const checked = checkConfig({ auth: { oidc: [{ issuer: "https://id.example" }] } });
  expect(checked).toEqual({ ok: false, problems: ["auth.audiences must be set where auth.oidc is, was: absent"] });
});
