import { eventually, servingCertificate } from "@belay/testkit";
import { exportSPKI, generateKeyPair, type JWTPayload } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseKeys } from "../src/auth/verification-key.ts";
import { json, JwksServer, type SigningKey, signingKey } from "./jwks-server.ts";
import { FAST, keysOf, verdictOf, type VerifierRig, verifierRig } from "./verifier-rig.ts";

let server: JwksServer;
let first: SigningKey;
let second: SigningKey;
const open: VerifierRig[] = [];
beforeEach(async () => {
  server = await JwksServer.start();
  [first, second] = await Promise.all([signingKey("one"), signingKey("two")]);
  server.publish(first);
});
afterEach(async () => {
  for (const each of open.splice(0)) each[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

function rig(...options: Parameters<typeof verifierRig>): VerifierRig {
  const made = verifierRig(...options);
  open.push(made);
  return made;
}

const ann: JWTPayload = { sub: "ann" };

test("[AUT6] keys that the header brings or points to are ignored", async () => {
  const elsewhere = await JwksServer.start();
  elsewhere.publish(second);
  const verifying = rig({ jwks: [{ url: server.url }] });
  const { kid: _kid, ...jwk } = second.publicJwk as Record<string, unknown>;
  const pointing = { jku: elsewhere.url, x5u: elsewhere.url, jwk, x5c: ["AAAA"] };
  expect(await verdictOf(verifying, await second.sign(ann, { ...pointing, kid: "one" }))).toBe("3500 signature");
  expect(await verdictOf(verifying, await second.sign(ann, { ...pointing, kid: undefined }))).toBe("3500 signature");
  expect(await verdictOf(verifying, await first.sign(ann, pointing))).toBe("ok");
  expect(elsewhere.requests).toEqual([]);
  await elsewhere[Symbol.asyncDispose]();
});

test("[AUT9] a key set is fetched at once and its keys are good", async () => {
  const verifying = rig({ jwks: [{ url: server.url }] });
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  expect(server.requests.length).toBe(1);
  expect(verifying.verifier.keyCount).toBe(1);
});

test("[AUT9] an unknown key is looked for again, at a bounded rate, one request at a time", async () => {
  const verifying = rig({ jwks: [{ url: server.url }] });
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  server.publish(first, second);
  expect(await verdictOf(verifying, await second.sign(ann))).toBe("ok");
  expect(server.requests.length).toBe(2);

  const stranger = await signingKey("three");
  const startMs = performance.now();
  const bad = await Promise.all(
    Array.from({ length: 200 }, async (_, index) =>
      verdictOf(verifying, await stranger.sign(ann, { kid: `k${index}` })),
    ),
  );
  expect(new Set(bad)).toEqual(new Set(["3500 unknown-key"]));
  const tookMs = performance.now() - startMs;
  expect(server.requests.length - 2).toBeLessThanOrEqual(2 + tookMs / 300);
  expect(server.mostAtOnce).toBe(1);
});

test("[AUT9] a rotated key that went away is not good any more", async () => {
  const verifying = rig({ jwks: [{ url: server.url }] }, {}, { ...FAST, refreshMs: 300 });
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  server.publish(second);
  const code = await eventually("rotation", 5000, async () => {
    const verdict = await verdictOf(verifying, await first.sign(ann));
    return verdict === "ok" ? undefined : verdict;
  });
  expect(code).toBe("3500 unknown-key");
  expect(await verdictOf(verifying, await second.sign(ann))).toBe("ok");
});

test("[AUT9] [AUT10] while the URL is away the last keys stay, and unknown ones get a temporary error", async () => {
  const verifying = rig({ jwks: [{ url: server.url }] }, {}, { ...FAST, refreshMs: 200 });
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  const { port } = server;
  await server.stop();
  await eventually("a failed fetch", 5000, async () => verifying.fetches.includes("unreachable") || undefined);
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  expect(await verdictOf(verifying, await second.sign(ann))).toBe("100 keys-away");
  server.publish(first, second);
  await server.listen(port);
  await eventually("keys again", 5000, async () =>
    (await verdictOf(verifying, await second.sign(ann))) === "ok" ? true : undefined,
  );
});

test.each([
  ["hangs", () => undefined, "timeout"],
  ["answers 500", json({ keys: [] }, 500), "status"],
  [
    "answers with a page",
    (_request: unknown, response: { end(text: string): void }) => response.end("<html>"),
    "invalid",
  ],
  ["answers with an empty set", json({ keys: [] }), "invalid"],
  ["answers with secrets", json({ keys: [{ kty: "oct", k: "c2VjcmV0", kid: "one" }] }), "invalid"],
  [
    "leads elsewhere",
    (_request: unknown, response: { writeHead(status: number, headers: object): { end(): void } }) =>
      response.writeHead(302, { location: "/other" }).end(),
    "status",
  ],
] as const)(
  "[AUT10] a URL that %s: a temporary error in bounded time, and the outcome is counted",
  async (_title, answer, outcome) => {
    server.answer = answer as JwksServer["answer"];
    const verifying = rig({ jwks: [{ url: server.url }] });
    const startMs = performance.now();
    expect(await verdictOf(verifying, await first.sign(ann))).toBe("100 keys-away");
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(verifying.fetches).toContain(outcome);
  },
);

test("[AUT9] of a document of 10 MB only the allowed part is read", async () => {
  let sentBytes = 0;
  server.answer = (_request, response) => {
    const chunk = Buffer.alloc(65_536, 0x20);
    const write = (): void => {
      while (sentBytes < 10_485_760 && !response.destroyed) {
        sentBytes += chunk.length;
        if (!response.write(chunk)) return void response.once("drain", write);
      }
      response.end();
    };
    write();
  };
  const verifying = rig(
    { jwks: [{ url: server.url }] },
    {},
    { ...FAST, retryMs: 60_000, retryCapMs: 60_000, minIntervalMs: 60_000 },
  );
  await eventually("fetch", 5000, async () => (verifying.fetches.length > 0 ? true : undefined));
  expect(verifying.fetches).toEqual(["too-large"]);
  expect(sentBytes).toBeLessThan(10_485_760);
});

test("[AUT8] [AUT9] OpenID Connect: discovery finds the keys, which vouch for their issuer only", async () => {
  const issuer = `${server.origin}/realms/a`;
  server.publishOpenId(issuer, first);
  const other = await JwksServer.start();
  const otherIssuer = `${other.origin}/`;
  other.publishOpenId(otherIssuer, second);
  const verifying = rig({ oidc: [{ issuer }, { issuer: otherIssuer }], audiences: ["belay"] });
  const claims = { ...ann, aud: "belay" };
  expect(await verdictOf(verifying, await first.sign({ ...claims, iss: issuer }))).toBe("ok");
  expect(await verdictOf(verifying, await second.sign({ ...claims, iss: otherIssuer }))).toBe("ok");
  // The key of one issuer under the name of the other, and nobody's.
  expect(await verdictOf(verifying, await second.sign({ ...claims, iss: issuer }))).toBe("3500 unknown-key");
  expect(await verdictOf(verifying, await second.sign({ ...claims, iss: issuer }, { kid: "one" }))).toBe(
    "3500 signature",
  );
  const asked = server.requests.length;
  expect(await verdictOf(verifying, await first.sign({ ...claims, iss: "https://nobody" }))).toBe("3500 unknown-key");
  expect(await verdictOf(verifying, await first.sign(claims))).toBe("3500 unknown-key");
  expect(server.requests.length).toBe(asked);
  expect(await verdictOf(verifying, await first.sign({ ...claims, iss: issuer, aud: "account" }))).toBe(
    "3500 audience",
  );
  await other[Symbol.asyncDispose]();
});

test("[AUT9] a discovery document of another issuer is refused", async () => {
  const issuer = `${server.origin}/realms/a`;
  server.publishOpenId(`${server.origin}/realms/b`, first);
  const verifying = rig({ oidc: [{ issuer }], audiences: ["belay"] });
  expect(await verdictOf(verifying, await first.sign({ ...ann, aud: "belay", iss: issuer }))).toBe("100 keys-away");
  expect(verifying.fetches).toContain("invalid");
});

test("[AUT9] a changed configuration drops a URL and its keys, and keeps those of the others", async () => {
  const other = await JwksServer.start();
  other.publish(second);
  const verifying = rig({ jwks: [{ url: server.url }, { url: other.url }] });
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  expect(await verdictOf(verifying, await second.sign(ann))).toBe("ok");
  const asked = other.requests.length;
  verifying.reconfigure({ jwks: [{ url: other.url }] });
  expect(await verdictOf(verifying, await second.sign(ann))).toBe("ok");
  expect(other.requests.length).toBe(asked);
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("3500 unknown-key");
  await other[Symbol.asyncDispose]();
});

test("[AUT10] a key in a file does not hide that a key set is away", async () => {
  const { port } = server;
  await server.stop();
  const tokenKeys = keysOf(parseKeys("pem", await exportSPKI((await generateKeyPair("RS256")).publicKey)));
  const verifying = rig({ jwks: [{ url: `http://127.0.0.1:${port}/keys` }] }, { tokenKeys });
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("100 keys-away");
  expect(await verdictOf(verifying, await first.sign(ann, { kid: undefined }))).toBe("100 keys-away");
  await server.listen(port);
  await eventually("keys", 5000, async () =>
    (await verdictOf(verifying, await first.sign(ann, { kid: undefined }))) === "ok" ? true : undefined,
  );
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  expect(await verdictOf(verifying, await second.sign(ann, { kid: undefined }))).toBe("3500 signature");
});

test("[AUT9] a provider with a private CA is asked once its CA is trusted", async () => {
  const { ca, ...certificate } = await servingCertificate(["localhost"]);
  const secure = await JwksServer.start(certificate);
  secure.publish(first);
  const auth = { jwks: [{ url: secure.url }] };
  const verifying = rig(auth);
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("100 keys-away");
  expect(verifying.fetches).toContain("unreachable");
  verifying.reconfigure(auth, { tokenCa: ca });
  expect(await verdictOf(verifying, await first.sign(ann))).toBe("ok");
  await secure[Symbol.asyncDispose]();
});
