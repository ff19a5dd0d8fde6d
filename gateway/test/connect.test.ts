import { systemClock } from "@belay/gateway";
import { startGateway, TestClient, type RunningGateway, callApi, eventually } from "@belay/testkit";
import { type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";

let gateway: RunningGateway;
let strict: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
  strict = await startGateway({
    config: { auth: { anonymous: false }, limits: { maxConnections: 2, connectTimeoutMs: 300 } },
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await strict[Symbol.asyncDispose]();
});

const nowSeconds = () => Math.floor(Date.now() / 1000);

function token(claims: JWTPayload, { alg = "HS256", secret = gateway.hmacSecret } = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
}

test("[CON1] the connect reply carries client, version, ping, pong, session and node", async () => {
  await using client = await TestClient.open(gateway.url);
  const { connect } = await client.call({ connect: { name: "js", version: "1" } });
  expect(connect).toEqual({
    client: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
    version: "belay 0.1.0",
    ping: 25,
    pong: true,
    session: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
    node: gateway.podUid,
  });
});

test("[CON2] a second connect closes with 3501", async () => {
  await using client = await TestClient.connect(gateway.url);
  client.send('{"id":9,"connect":{}}');
  expect(await client.closed).toMatchObject({ code: 3501 });
});

test("[CON3] commands in connect's frame act after its reply, in order", async () => {
  await using client = await TestClient.open(gateway.url);
  const signed = await token({ sub: "ann" });
  client.send(
    [
      { id: 1, connect: { token: signed } },
      { id: 2, subscribe: { channel: "con3" } },
      { id: 3, publish: { channel: "con3", data: 1 } },
      { id: 4, ping: {} },
    ]
      .map((command) => JSON.stringify(command))
      .join("\n"),
  );
  await client.waitFor("last reply", ({ id }) => id === 4);
  await client.waitForPayloads("con3", 1);
  const order = client.received.map((message) => message.id ?? "push");
  expect(order.filter((entry) => entry !== 4)).toEqual([1, 2, "push", 3]);
});

test("[CON3] after a failed connect everything is dropped without a reply", async () => {
  await using client = await TestClient.open(strict.url);
  client.send('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"a"}}');
  client.send('{"id":3,"connect":{}}');
  await client.closed;
  expect(client.received).toEqual([{ id: 1, error: { code: 101, message: "unauthorized" } }]);
});

test("[HS5] without connect in time the connection is closed with 3502", async () => {
  await using client = await TestClient.open(strict.url);
  expect(await client.closed).toEqual({ code: 3502, reason: "stale" });
});

test("[LIM6] above the limit of connections connect gets the temporary error 111", async () => {
  const signed = await token({ sub: "many" });
  await using first = await TestClient.connect(strict.url, signed);
  await using second = await TestClient.connect(strict.url, signed);
  await using third = await TestClient.open(strict.url);
  const reply = await third.call({ connect: { token: signed } });
  expect(reply.error).toEqual({ code: 111, message: "too many requests", temporary: true });
  expect([first, second].map(({ socket }) => socket.readyState)).toEqual([1, 1]);
});

test("[CON4] without a token and without permission for it connect gets error 101", async () => {
  await using client = await TestClient.open(strict.url);
  expect((await client.call({ connect: {} })).error).toEqual({ code: 101, message: "unauthorized" });
});

test.each(["HS256", "HS384", "HS512"])("[AUT1] a token signed with %s connects its user", async (alg) => {
  await using client = await TestClient.connect(gateway.url, await token({ sub: `user-${alg}` }, { alg }));
  await callApi(gateway, "disconnect", { user: `user-${alg}` });
  expect(await client.closed).toMatchObject({ code: 3503 });
});

test("[AUT2] the info claim is shown to other clients", async () => {
  await using client = await TestClient.connect(
    gateway.url,
    await token({ sub: "eve", info: { name: "Eve", big: 1e21 } }),
  );
  await client.call({ subscribe: { channel: "aut2" } });
  await client.call({ publish: { channel: "aut2", data: "hello" } });
  const { push } = await client.waitFor("push", (message) => message.push !== undefined);
  expect(push?.pub?.info).toEqual({
    user: "eve",
    client: expect.any(String) as unknown,
    conn_info: { name: "Eve", big: 1e21 },
  });
});

const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"sub":"x"}').toString("base64url")}.`;
test.each([
  ["[AUT1] signed with another key", () => token({ sub: "x" }, { secret: "another secret that nobody configured" })],
  ["[AUT1] with alg none", async () => unsigned],
  ["[AUT1] that is no token", async () => "not a token"],
  [
    "[AUT1] with a changed payload",
    async () =>
      (await token({ sub: "x" })).replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"root"}').toString("base64url")}.`),
  ],
  ["[AUT2] without a user", () => token({})],
  ["[AUT2] with a user that is no string", () => token({ sub: 5 } as unknown as JWTPayload)],
  ["[AUT3] that is not valid yet", () => token({ sub: "x", nbf: nowSeconds() + 60 })],
  ["[AUT3] issued in the future", () => token({ sub: "x", iat: nowSeconds() + 60 })],
])("%s a token closes with 3500", async (_title, make) => {
  await using client = await TestClient.open(gateway.url);
  client.send(JSON.stringify({ id: 1, connect: { token: await make() } }));
  expect(await client.closed).toEqual({ code: 3500, reason: "invalid token" });
});

test("[AUT3] an expired token gets error 109", async () => {
  await using client = await TestClient.open(gateway.url);
  const reply = await client.call({ connect: { token: await token({ sub: "x", exp: nowSeconds() - 60 }) } });
  expect(reply.error).toEqual({ code: 109, message: "token expired" });
});

test("[AUT4] a connection is closed with 3005 when its token expired 25 seconds ago and nothing renewed it", async () => {
  let aheadMs = 0;
  const clock = { nowMs: () => systemClock.nowMs() + aheadMs, date: () => new Date(Date.now() + aheadMs) };
  await using later = await startGateway({
    clock,
    config: { heartbeat: { pingIntervalMs: 600_000, pongTimeoutMs: 100_000 } },
  });
  await using client = await TestClient.open(later.url);
  const { connect } = await client.call({ connect: { token: await token({ sub: "short", exp: nowSeconds() + 60 }) } });
  expect(connect).toMatchObject({ expires: true });
  expect([59, 60]).toContain(connect?.["ttl"]);
  aheadMs = 60_000 + 23_000;
  expect(await client.call({ ping: {} })).toMatchObject({ ping: {} });
  aheadMs = 60_000 + 25_000;
  expect(await client.closed).toEqual({ code: 3005, reason: "connection expired" });
});

test("[AUT5] without a secret every token closes with 3500", async () => {
  await using open = await startGateway();
  await open.writeConfig(
    JSON.stringify({
      listen: { host: "127.0.0.1", port: 0 },
      control: { host: "127.0.0.1", port: 0 },
      auth: { anonymous: true },
    }),
  );
  const seen = await eventually("no secret", 5000, async () => {
    await using client = await TestClient.open(open.url);
    client.send(JSON.stringify({ id: 1, connect: { token: await token({ sub: "x" }) } }));
    const accepted = client.waitFor("reply", () => true).then(() => 0);
    const code = await Promise.race([client.closed.then((closing) => closing.code), accepted]);
    return code === 0 ? undefined : code;
  });
  expect(seen).toBe(3500);
});
