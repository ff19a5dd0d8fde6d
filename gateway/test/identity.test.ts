import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type GatewayTestOptions, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
import { Centrifuge } from "centrifuge";
import { type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { JwksServer, type SigningKey, signingKey } from "./jwks-server.ts";

let server: JwksServer;
let first: SigningKey;
let second: SigningKey;
let directory: string;
const open: AsyncDisposable[] = [];
beforeEach(async () => {
  server = await JwksServer.start();
  directory = await mkdtemp(join(tmpdir(), "belay-keys-"));
  [first, second] = await Promise.all([signingKey("one"), signingKey("two")]);
  server.publish(first);
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function gatewayWith(options: GatewayTestOptions): Promise<RunningGateway> {
  const gateway = await startGateway(options);
  open.push(gateway);
  return gateway;
}

async function keyFile(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  return path;
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const ann = (): JWTPayload => ({ sub: "ann", exp: nowSeconds() + 600 });

/** What the client gets: the reply to connect, or the close. */
async function outcome(gateway: RunningGateway, token: string): Promise<unknown> {
  await using client = await TestClient.open(gateway.url);
  client.send(JSON.stringify({ id: 1, connect: { token } }));
  const reply = client
    .waitFor("reply", () => true)
    .then(({ connect, error }) => (connect === undefined ? error : "ok"));
  return await Promise.race([client.closed, reply.catch(() => client.closed)]);
}

async function metric(gateway: RunningGateway, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.httpUrl}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`belay_gateway_${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

const INVALID = { code: 3500, reason: "invalid token" };

test("[AUT13] every refused token looks the same to the client and is counted by its reason", async () => {
  const gateway = await gatewayWith({ config: { auth: { jwks: [{ url: server.url }], audiences: ["belay"] } } });
  const good = { ...ann(), aud: "belay" };
  const { kid: _kid, ...confused } = {
    kid: "x",
    ...(JSON.parse(JSON.stringify(first.publicJwk)) as Record<string, string>),
  };
  const forged = await new SignJWT(good)
    .setProtectedHeader({ alg: "HS256", kid: "one" })
    .sign(Buffer.from(JSON.stringify(confused)));
  const [, payload = ""] = (await first.sign(good)).split(".");
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
  const tokens: readonly (readonly [string, string])[] = [
    ["algorithm", forged],
    ["algorithm", none],
    ["unknown-key", await second.sign(good, { kid: "../../etc/passwd" })],
    ["signature", await second.sign(good, { kid: "one" })],
    ["too-large", await first.sign({ ...good, info: "x".repeat(16_384) })],
    ["malformed", "a.b.c.d.e"],
    ["audience", await first.sign(ann())],
    ["claims", await first.sign({ ...good, channel: "chat" })],
    ["not-yet-valid", await first.sign({ ...good, nbf: nowSeconds() + 60 })],
  ];
  for (const [, token] of tokens) expect(await outcome(gateway, token)).toEqual(INVALID);
  expect(await outcome(gateway, await first.sign({ ...good, exp: nowSeconds() - 1 }))).toEqual({
    code: 109,
    message: "token expired",
  });
  expect(await outcome(gateway, await first.sign(good))).toBe("ok");
  const counts = Object.groupBy(tokens, ([reason]) => reason);
  for (const [reason, each = []] of Object.entries(counts)) {
    expect([reason, await metric(gateway, `tokens_refused_total{reason="${reason}"}`)]).toEqual([reason, each.length]);
  }
  expect(await metric(gateway, "token_keys")).toBe(2);
  expect(await metric(gateway, 'key_set_fetches_total{outcome="ok"}')).toBeGreaterThan(0);
});

test("[AUT1] [AUT5] key files are rotated without a restart, by overlap", async () => {
  const file = await keyFile("jwks.json", JSON.stringify({ keys: [first.publicJwk] }));
  const gateway = await gatewayWith({ config: { auth: { keys: [{ file, type: "jwks" }] } } });
  expect(await outcome(gateway, await first.sign(ann()))).toBe("ok");
  expect(await outcome(gateway, await second.sign(ann()))).toEqual(INVALID);
  await keyFile("jwks.json", JSON.stringify({ keys: [first.publicJwk, second.publicJwk] }));
  await eventually(
    "both keys",
    5000,
    async () => (await outcome(gateway, await second.sign(ann()))) === "ok" || undefined,
  );
  expect(await outcome(gateway, await first.sign(ann()))).toBe("ok");
  await keyFile("jwks.json", "{ half a fi");
  await eventually(
    "refusal",
    5000,
    async () => (await metric(gateway, 'config_reloads_total{outcome="refused"}')) > 0 || undefined,
  );
  expect(await outcome(gateway, await first.sign(ann()))).toBe("ok");
  await keyFile("jwks.json", JSON.stringify({ keys: [second.publicJwk] }));
  await eventually(
    "one key",
    5000,
    async () => (await outcome(gateway, await first.sign(ann()))) !== "ok" || undefined,
  );
  expect(await outcome(gateway, await second.sign(ann()))).toBe("ok");
});

test("[AUT9] [AUT10] a gateway whose key set is away starts, says so with a temporary error, and recovers", async () => {
  const { port } = server;
  await server.stop();
  const gateway = await gatewayWith({ config: { auth: { jwks: [{ url: `http://127.0.0.1:${port}/keys` }] } } });
  const startMs = performance.now();
  expect(await outcome(gateway, await first.sign(ann()))).toEqual({
    code: 100,
    message: "internal server error",
    temporary: true,
  });
  expect(performance.now() - startMs).toBeLessThan(5_000);
  expect((await fetch(`${gateway.httpUrl}/readyz`)).status).toBe(200);
  await server.listen(port);
  await eventually("keys", 15_000, async () => (await outcome(gateway, await first.sign(ann()))) === "ok" || undefined);
});

test("[AUT8] OpenID Connect: the issuer's tokens for this audience connect, found by discovery", async () => {
  const issuer = `${server.origin}/realms/shop`;
  server.publishOpenId(issuer, first);
  const gateway = await gatewayWith({ config: { auth: { oidc: [{ issuer }], audiences: ["belay"] } } });
  expect(await outcome(gateway, await first.sign({ ...ann(), iss: issuer, aud: ["account", "belay"] }))).toBe("ok");
  expect(await outcome(gateway, await first.sign({ ...ann(), iss: `${issuer}/`, aud: "belay" }))).toEqual(INVALID);
});

test("[AUT11] channels of a token are subscribed by connecting, info and data as the token says", async () => {
  const gateway = await gatewayWith({ config: { auth: { jwks: [{ url: server.url }] } } });
  await using client = await TestClient.open(gateway.url);
  const token = await first.sign({ ...ann(), subs: { news: { data: { hello: 1 } }, alerts: {} } });
  const { connect } = await client.call({ connect: { token } });
  expect(connect?.["subs"]).toMatchObject({ news: { data: { hello: 1 } }, alerts: {} });
});

test("[AUT12] a subscription token of somebody else closes, one that is forged gets 103, one that is good subscribes", async () => {
  const gateway = await gatewayWith({ config: { auth: { jwks: [{ url: server.url }] } } });
  await using client = await TestClient.connect(gateway.url, await first.sign(ann()));
  const subscribe = async (claims: JWTPayload, key = first): Promise<unknown> => {
    const { error, ...rest } = await client.call({ subscribe: { channel: "room", token: await key.sign(claims) } });
    return error?.code ?? "subscribe" in rest;
  };
  const good = { sub: "ann", channel: "room", exp: nowSeconds() + 600 };
  expect(await subscribe({ sub: "ann" })).toBe(103);
  expect(await subscribe({ ...good, exp: nowSeconds() - 1 })).toBe(109);
  expect(await subscribe(good)).toBe(true);
  client.send(JSON.stringify({ id: 99, subscribe: { channel: "other", token: await first.sign(good) } }));
  expect(await client.closed).toEqual(INVALID);
});

test("[AUT15] refresh renews the connection in place, for the same user and with a token that is good", async () => {
  const gateway = await gatewayWith({ config: { auth: { jwks: [{ url: server.url }] } } });
  const refreshed = async (claims: JWTPayload, key = first): Promise<unknown> => {
    await using client = await TestClient.connect(gateway.url, await first.sign(ann()));
    client.send(JSON.stringify({ id: 99, refresh: { token: await key.sign(claims, { kid: "one" }) } }));
    const reply = client.waitFor("reply", ({ id }) => id === 99).catch(() => client.closed);
    return await Promise.race([client.closed, reply]);
  };
  expect(await refreshed({ sub: "ann", exp: nowSeconds() + 100 })).toMatchObject({
    refresh: { expires: true, ttl: expect.any(Number) as unknown },
  });
  expect(await refreshed({ sub: "ann", exp: nowSeconds() - 1 })).toEqual({ code: 3005, reason: "connection expired" });
  expect(await refreshed({ sub: "bob", exp: nowSeconds() + 100 })).toEqual(INVALID);
  expect(await refreshed(ann(), second)).toEqual(INVALID);
});

test("[AUT15] the SDK refreshes on the same connection, and comes back with another token when the one it had is over", async () => {
  const gateway = await gatewayWith({ config: { auth: { jwks: [{ url: server.url }] } } });
  let asked = 0;
  const client = new Centrifuge(gateway.url, {
    websocket: WebSocket,
    minReconnectDelay: 10,
    getToken: async () => {
      asked += 1;
      // The third one has ended already when it arrives.
      return first.sign({ sub: "ann", exp: nowSeconds() + (asked === 3 ? -1 : 2) });
    },
  });
  const codes: number[] = [];
  const connects: string[] = [];
  client.on("connecting", ({ code }) => void codes.push(code));
  client.on("connected", ({ client: id }) => void connects.push(id));
  client.connect();
  await eventually("a second connection", 15_000, async () => connects.length === 2 || undefined);
  expect(asked).toBeGreaterThanOrEqual(4);
  // 0: the application's connect(); then the close that the expired token led to.
  expect(codes).toEqual([0, 3005]);
  client.disconnect();
});
