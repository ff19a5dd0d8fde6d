import { expect, test } from "vitest";
import { type ClaimRules, readConnectionClaims, readSubscriptionClaims } from "./claims.ts";

const NOW = 1_000_000;
const rules: ClaimRules = { nowSeconds: NOW, clockSkewSeconds: 5, anonymous: false };

/** Buffers as text, so that a failing test can be read. */
function readable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString();
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, readable(one)] as const));
  if (Array.isArray(value) || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, readable(one)] as const));
}

function connection(payload: unknown, more: Partial<ClaimRules> = {}): unknown {
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  const read = readConnectionClaims(text, { ...rules, ...more });
  return read.ok ? readable(read.claims) : read.reason;
}

function subscription(payload: unknown): unknown {
  const read = readSubscriptionClaims(JSON.stringify(payload), rules);
  return read.ok ? readable(read.claims) : read.reason;
}

test("[AUT11] everything a connection token may say", () => {
  expect(
    connection({
      sub: "ann",
      exp: NOW + 60,
      iat: NOW - 1,
      jti: "t1",
      info: { name: "Ann" },
      meta: { team: 7 },
      subs: {
        "chat:1": {
          info: 1,
          data: { a: 1 },
          expire_at: NOW + 9,
          override: { presence: { value: true }, join_leave: {} },
        },
        "chat:2": {
          b64info: "aGVsbG8=",
          b64data: "aGk=",
          override: { force_recovery: { value: true }, force_positioning: { value: false } },
        },
      },
      channels: ["ignored beside subs"],
      caps: [
        { channels: ["a*"], match: "wildcard", allow: ["pub", "sub"] },
        { channels: ["b"], allow: ["hst"] },
      ],
    }),
  ).toEqual({
    user: "ann",
    expiresAt: NOW + 60,
    issuedAt: NOW - 1,
    tokenId: "t1",
    connInfo: '{"name":"Ann"}',
    meta: '{"team":7}',
    subs: {
      "chat:1": { info: "1", data: '{"a":1}', expiresAt: NOW + 9, override: { presence: true, joinLeave: false } },
      "chat:2": { info: "hello", data: "hi", override: { forceRecovery: true, forcePositioning: false } },
    },
    caps: [
      { channels: ["a*"], match: "wildcard", allow: ["pub", "sub"] },
      { channels: ["b"], match: "exact", allow: ["hst"] },
    ],
  });
  expect(connection({ sub: "ann", channels: ["a", "b"] })).toEqual({ user: "ann", subs: { a: {}, b: {} } });
});

test("[AUT2] info keeps its numbers and the order of its keys", () => {
  const info = '{"z":12345678901234567890,"a":1.0,\n"1":1e21}';
  expect(connection(`{"sub":"ann","info":${info}}`)).toEqual({ user: "ann", connInfo: info.replace("\n", "") });
  expect(connection('{"sub":"ann","info":null,"meta":null}')).toEqual({ user: "ann" });
});

test("[AUT11] of a claim that occurs twice the last one counts, everywhere", () => {
  expect(connection('{"sub":"ann","sub":"bob","info":1,"info":2}')).toEqual({ user: "bob", connInfo: "2" });
});

test("[AUT11] expire_at ends the connection instead of exp, 0 never", () => {
  expect(connection({ sub: "a", exp: NOW + 60, expire_at: NOW + 5 })).toEqual({ user: "a", expiresAt: NOW + 5 });
  expect(connection({ sub: "a", exp: NOW + 60, expire_at: 0 })).toEqual({ user: "a" });
  expect(connection({ sub: "a", exp: NOW - 1, expire_at: 0 })).toBe("expired");
});

test.each([
  ["[AUT2] no user", {}, "claims"],
  ["[AUT2] the empty user", { sub: "" }, "claims"],
  ["[AUT2] a user that is no string", { sub: 5 }, "claims"],
  ["[AUT3] exp now", { sub: "a", exp: NOW }, "expired"],
  ["[AUT3] nbf beyond the skew", { sub: "a", nbf: NOW + 6 }, "not-yet-valid"],
  ["[AUT3] iat beyond the skew", { sub: "a", iat: NOW + 6 }, "not-yet-valid"],
  ["[AUT3] exp as text", { sub: "a", exp: `${NOW + 60}` }, "claims"],
  ["[AUT3] a negative exp", { sub: "a", exp: -1 }, "claims"],
  ["[AUT3] exp after the year 9999", { sub: "a", exp: 253_402_300_800 }, "claims"],
  ["[AUT3] an infinite exp", '{"sub":"a","exp":1e999}', "claims"],
  ["[AUT3] exp that is not a number", '{"sub":"a","exp":NaN}', "claims"],
  ["[AUT11] channels as text", { sub: "a", channels: "chat" }, "claims"],
  ["[AUT11] subs as a list", { sub: "a", subs: [1] }, "claims"],
  ["[AUT11] caps of an unknown kind", { sub: "a", caps: [{ channels: ["a"], allow: ["root"] }] }, "claims"],
  ["[AUT11] info that is not base64", { sub: "a", b64info: "%%" }, "claims"],
  ["[AUT12] a subscription token as connection token", { sub: "a", channel: "chat" }, "claims"],
  ["[AUT7] a list", "[]", "claims"],
  ["[AUT7] no JSON", "token", "claims"],
  ["[AUT7] a token inside the token", '"aaa.bbb.ccc"', "claims"],
  ["[AUT7] 65 levels", `{"sub":"a","info":${"[".repeat(64)}${"]".repeat(64)}}`, "claims"],
  ["[AUT7] thousands of levels", `{"sub":"a","info":${"[".repeat(6000)}`, "claims"],
])("%s is refused", (_title, payload, reason) => {
  expect(connection(payload)).toBe(reason);
});

test("[AUT2] the empty user may connect where anonymous clients may", () => {
  expect(connection({ sub: "" }, { anonymous: true })).toEqual({ user: "" });
  expect(connection({}, { anonymous: true })).toBe("claims");
});

test("[AUT3] the issuer's clock may be ahead by the skew", () => {
  expect(connection({ sub: "a", iat: NOW + 5, nbf: NOW + 5 })).toMatchObject({ user: "a" });
  expect(connection({ sub: "a", iat: NOW + 6 }, { clockSkewSeconds: 6 })).toMatchObject({ user: "a" });
  expect(connection({ sub: "a", iat: NOW + 1 }, { clockSkewSeconds: 0 })).toBe("not-yet-valid");
});

test("[AUT8] audience and issuer", () => {
  const wanted = { audiences: ["belay", "chat"], issuers: ["https://id"] };
  const token = { sub: "a", iss: "https://id", aud: "chat" };
  expect(connection(token, wanted)).toMatchObject({ user: "a" });
  expect(connection({ ...token, aud: ["x", "belay"] }, wanted)).toMatchObject({ user: "a" });
  for (const aud of ["other", ["other"], [], null]) expect(connection({ ...token, aud }, wanted)).toBe("audience");
  expect(connection({ ...token, aud: [1] }, wanted)).toBe("claims");
  expect(connection({ ...token, iss: "https://id/" }, wanted)).toBe("issuer");
  expect(connection({ sub: "a", aud: "chat" }, wanted)).toBe("issuer");
  expect(connection(token, { keyIssuer: "https://other" })).toBe("issuer");
  expect(connection(token, { keyIssuer: "https://id" })).toMatchObject({ user: "a" });
});

test("[AUT12] everything a subscription token may say", () => {
  expect(
    subscription({
      sub: "ann",
      channel: "chat:1",
      client: "c1",
      exp: NOW + 60,
      iat: NOW,
      jti: "t2",
      info: { a: 1 },
      override: { join_leave: { value: true } },
    }),
  ).toEqual({
    user: "ann",
    channel: "chat:1",
    client: "c1",
    expiresAt: NOW + 60,
    issuedAt: NOW,
    tokenId: "t2",
    info: '{"a":1}',
    override: { joinLeave: true },
  });
  expect(subscription({ channel: "open" })).toEqual({ user: "", channel: "open" });
});

test("[AUT12] a connection token is no subscription token", () => {
  expect(subscription({ sub: "ann" })).toBe("claims");
  expect(subscription({ sub: "ann", channel: "" })).toBe("claims");
  expect(subscription({ sub: "ann", channel: "a", exp: NOW - 1 })).toBe("expired");
});
