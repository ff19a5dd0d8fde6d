import { createHmac } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GatewayConfig } from "@belay/protocol/control";
import { eventually, type GatewayTestOptions, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
import { SignJWT } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HookServer, json } from "./hook-server.ts";

let app: HookServer;
let directory: string;
const open: AsyncDisposable[] = [];
beforeEach(async () => {
  app = await HookServer.start();
  directory = await mkdtemp(join(tmpdir(), "belay-hooks-"));
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function gatewayWith(config: GatewayConfig, options: GatewayTestOptions = {}): Promise<RunningGateway> {
  const gateway = await startGateway({ ...options, config });
  open.push(gateway);
  return gateway;
}

async function clientOf(gateway: RunningGateway, headers: Readonly<Record<string, string>> = {}): Promise<TestClient> {
  const client = await TestClient.open(gateway.url, { headers });
  open.push(client);
  return client;
}

/** Connected with a token, so that no connect hook is asked. */
async function connected(gateway: RunningGateway, claims: Readonly<Record<string, unknown>> = {}): Promise<TestClient> {
  const token = await new SignJWT({ sub: "ann", ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(Buffer.from(gateway.hmacSecret));
  const client = await TestClient.connect(gateway.url, token);
  open.push(client);
  return client;
}

async function secretFile(...lines: readonly string[]): Promise<string> {
  const path = join(directory, "secret");
  await writeFile(`${path}.new`, `${lines.join("\n")}\n`);
  await rename(`${path}.new`, path);
  return path;
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

test("[HOK2] a session cookie opens a connection: user, info, data, channels and an end come from the application", async () => {
  app.on("/connect", (response, seen) =>
    json(
      seen.headers.cookie === "session=1"
        ? {
            result: {
              user: "ann",
              info: { name: "Ann" },
              data: { big: 1 },
              channels: ["news"],
              subs: { room: { info: { seat: 4 }, data: { hello: 1 } } },
            },
          }
        : { error: { code: 4010, message: "log in first" } },
    )(response, seen),
  );
  const gateway = await gatewayWith({ hooks: { connect: app.hook("/connect", { headers: ["Cookie"] }) } });
  const client = await clientOf(gateway, { cookie: "session=1", authorization: "not passed on" });
  const reply = await client.call({ connect: { data: { a: 1.0 }, name: "js", version: "5", subs: { news: {} } } });
  expect(reply.connect).toMatchObject({ data: { big: 1 }, subs: { news: {}, room: { data: { hello: 1 } } } });
  const [asked] = app.asked("/connect");
  expect(asked?.json).toEqual({
    client: reply.connect?.["client"],
    transport: "websocket",
    protocol: "json",
    encoding: "json",
    name: "js",
    version: "5",
    channels: ["news"],
    data: { a: 1 },
  });
  expect(asked?.headers).toMatchObject({ "content-type": "application/json", cookie: "session=1" });
  expect(asked?.headers.authorization).toBeUndefined();

  const stranger = await clientOf(gateway);
  expect((await stranger.call({ connect: {} })).error).toEqual({ code: 4010, message: "log in first" });
});

test("[HOK3] headers that a client puts into connect are passed on as if they were real ones, but none that breaks the request", async () => {
  app.answer("/connect", { result: { user: "ann" } });
  const headers = ["Authorization", "X-Tenant", "X-Bad", "X-Long"];
  const gateway = await gatewayWith({ hooks: { connect: app.hook("/connect", { headers }) } });
  const client = await clientOf(gateway, { "x-tenant": "real" });
  const emulated = {
    authorization: "Bearer 1",
    "X-Tenant": "pretended",
    "x-bad": "a\r\nhost: evil",
    "x-long": "a".repeat(5000),
    "x-other": "1",
  };
  expect((await client.call({ connect: { headers: emulated } })).connect).toBeDefined();
  const { headers: got } = app.asked("/connect")[0] ?? {};
  expect(got).toMatchObject({ authorization: "Bearer 1", "x-tenant": "real" });
  expect([got?.["x-bad"], got?.["x-long"], got?.["x-other"]]).toEqual([undefined, undefined, undefined]);
});

test("[HOK4] payloads cross byte for byte in both directions, bytes in base64", async () => {
  const gateway = await gatewayWith({
    hooks: { rpc: app.hook("/rpc") },
    auth: { anonymous: true },
  });
  const client = await connected(gateway, { meta: { plan: "gold" } });
  const exact = '{"n":12345678901234567890,"b" : [1.0]}';
  app.on("/rpc", (response) => void response.end(`{ "result" : { "data" : ${exact} } }`));
  client.send(`{"id":77,"rpc":{"method":"buy","data":${exact}}}`);
  await client.waitFor("reply", ({ id }) => id === 77);
  expect(client.frames.at(-1)).toContain(`"data":${exact}`);
  const [asked] = app.asked("/rpc");
  expect(asked?.body).toContain(`"data":${exact}`);
  expect(asked?.json).toMatchObject({ user: "ann", method: "buy", meta: { plan: "gold" }, protocol: "json" });

  app.answer("/rpc", { result: { b64data: Buffer.from('{"ok":1}').toString("base64") } });
  expect((await client.call({ rpc: { method: "x", data: 1 } })) as unknown).toMatchObject({ rpc: { data: { ok: 1 } } });
  app.answer("/rpc", { result: { b64data: Buffer.from([255, 1]).toString("base64") } });
  expect((await client.call({ rpc: { method: "x", data: 1 } })).error?.code).toBe(100);
});

test("[HOK5] subscribe and publish are asked where the namespace says so; the application may refuse, alter, or do it itself", async () => {
  const gateway = await gatewayWith({
    hooks: { subscribe: app.hook("/subscribe"), publish: app.hook("/publish") },
    channels: {
      namespaces: [
        { name: "chat", hooks: { subscribe: true, publish: true }, allow: { publish: "authenticated" } },
        { name: "free", allow: { publish: "authenticated" } },
      ],
    },
  });
  const client = await connected(gateway);
  app.answer("/subscribe", { result: { data: { topic: "tea" }, info: { seat: 1 } } });
  expect(await client.call({ subscribe: { channel: "chat:a", data: { why: 1 } } })).toMatchObject({
    subscribe: { data: { topic: "tea" } },
  });
  expect(app.asked("/subscribe")[0]?.json).toMatchObject({ user: "ann", channel: "chat:a", data: { why: 1 } });
  app.answer("/subscribe", { error: { code: 1000, message: "full", temporary: true } });
  expect((await client.call({ subscribe: { channel: "chat:b" } })).error).toEqual({
    code: 1000,
    message: "full",
    temporary: true,
  });
  expect(await client.call({ subscribe: { channel: "free:a" } })).toMatchObject({ subscribe: {} });
  expect(app.asked("/subscribe")).toHaveLength(2);

  app.answer("/publish", { result: { data: { text: "clean" }, tags: { by: "app" } } });
  await client.call({ publish: { channel: "chat:a", data: { text: "dirty" } } });
  const push = await client.waitFor("push", ({ push: each }) => each?.channel === "chat:a");
  expect(push.push?.pub).toMatchObject({ data: { text: "clean" }, tags: { by: "app" } });
  app.answer("/publish", { result: {} });
  await client.call({ publish: { channel: "chat:a", data: { text: "as it was" } } });
  app.answer("/publish", { result: { handled: true } });
  expect(await client.call({ publish: { channel: "chat:a", data: { text: "never" } } })).toMatchObject({ publish: {} });
  app.answer("/publish", { error: { code: 403, message: "no" } });
  expect((await client.call({ publish: { channel: "chat:a", data: 1 } })).error?.code).toBe(403);
  expect(client.payloads("chat:a")).toEqual([{ text: "clean" }, { text: "as it was" }]);
  app.answer("/publish", { disconnect: { code: 4700, reason: "3000" } });
  client.send('{"id":99,"publish":{"channel":"chat:a","data":1}}');
  expect(await client.closed).toEqual({ code: 4700, reason: "disconnected" });
});

test("[HOK5] a namespace that asks a hook which is not configured opens nothing", async () => {
  const gateway = await gatewayWith({
    channels: {
      namespaces: [{ name: "chat", hooks: { subscribe: true, publish: true }, allow: { publish: "anonymous" } }],
    },
  });
  const client = await connected(gateway);
  expect((await client.call({ subscribe: { channel: "chat:a" } })).error?.code).toBe(108);
  expect((await client.call({ publish: { channel: "chat:a", data: 1 } })).error?.code).toBe(108);
  expect((await client.call({ rpc: { method: "x" } })).error?.code).toBe(104);
});

test("[HOK6] refresh and sub_refresh renew without the client, or end", async () => {
  const gateway = await gatewayWith({
    hooks: { refresh: app.hook("/refresh"), subRefresh: app.hook("/sub-refresh"), subscribe: app.hook("/subscribe") },
    channels: { namespaces: [{ name: "chat", hooks: { subscribe: true, subRefresh: true } }] },
  });
  app.answer("/refresh", { result: { expire_at: nowSeconds() + 2, info: { level: 2 } } });
  app.answer("/subscribe", { result: { expire_at: nowSeconds() + 1 } });
  app.answer("/sub-refresh", { result: { expire_at: nowSeconds() + 3600 } });
  const client = await connected(gateway, { exp: nowSeconds() + 1 });
  await client.call({ subscribe: { channel: "chat:a" } });
  await eventually("both asked", 5000, () =>
    app.asked("/refresh").length > 0 && app.asked("/sub-refresh").length > 0 ? true : undefined,
  );
  expect(app.asked("/sub-refresh")[0]?.json).toMatchObject({ user: "ann", channel: "chat:a" });
  app.answer("/refresh", { result: { expired: true } });
  expect((await client.closed).code).toBe(3005);
  expect(client.received.some(({ push }) => push !== undefined && "unsubscribe" in push)).toBe(false);
});

test("[HOK7] every request is signed over time and body, with both secrets while they are changed", async () => {
  const file = await secretFile("the-first-secret-of-the-shop");
  app.answer("/rpc", { result: { data: 1 } });
  const gateway = await gatewayWith({ hooks: { rpc: app.hook("/rpc"), secretFile: file } });
  const client = await connected(gateway);
  const verify = (secret: string): boolean => {
    const { headers, body = "" } = app.asked("/rpc").at(-1) ?? {};
    const timestamp = String(headers?.["belay-timestamp"]);
    expect(Math.abs(Number(timestamp) - nowSeconds())).toBeLessThan(10);
    const wanted = `v1=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`;
    return String(headers?.["belay-signature"]).split(",").includes(wanted);
  };
  await client.call({ rpc: { method: "grüße", data: "ü" } });
  expect([verify("the-first-secret-of-the-shop"), verify("another-secret-of-the-shop")]).toEqual([true, false]);
  await secretFile("another-secret-of-the-shop", "the-first-secret-of-the-shop");
  await eventually("the new secret", 5000, async () => {
    await client.call({ rpc: { method: "x" } });
    return verify("another-secret-of-the-shop") || undefined;
  });
  expect(verify("the-first-secret-of-the-shop")).toBe(true);
});

test("[HOK1] hooks come and go with the configuration, and connections stay", async () => {
  app.answer("/rpc", { result: { data: 1 } });
  const gateway = await gatewayWith({});
  const client = await connected(gateway);
  expect((await client.call({ rpc: { method: "x" } })).error?.code).toBe(104);
  await gateway.reconfigure({ hooks: { rpc: app.hook("/rpc") } });
  await eventually("an answer", 5000, async () => {
    const { error } = await client.call({ rpc: { method: "x" } });
    return error === undefined || undefined;
  });
  await gateway.reconfigure({});
  await eventually(
    "none",
    5000,
    async () => (await client.call({ rpc: { method: "x" } })).error?.code === 104 || undefined,
  );
});
