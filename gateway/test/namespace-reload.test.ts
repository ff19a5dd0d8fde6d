import type { GatewayConfig } from "@belay/protocol/control";
import { callApi, callControl, eventually, type GatewayAccess, startGateway, TestClient } from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { JwksServer, signingKey } from "./jwks-server.ts";

async function codeOf(client: TestClient, command: Readonly<Record<string, unknown>>): Promise<number> {
  return (await client.call(command)).error?.code ?? 0;
}

interface LoadedConfig {
  readonly hash: string;
  readonly refused?: { readonly hash: string; readonly problems: readonly string[] };
}

async function loadedConfig(at: GatewayAccess): Promise<LoadedConfig> {
  return ((await (await callControl(at, "/load")).json()) as { config: LoadedConfig }).config;
}

/** Changes the configuration and waits until it runs. */
async function reload(at: GatewayAccess, config: GatewayConfig): Promise<void> {
  const { hash } = await loadedConfig(at);
  await at.reconfigure(config);
  await eventually("taken", 5000, async () => (await loadedConfig(at)).hash !== hash);
}

test("[CFG1] [CFG5] a schema that does not compile refuses the whole configuration; the load report says why and what runs", async () => {
  await using own = await startGateway({
    config: { channels: { namespaces: [{ name: "a", allow: { subscribe: "anonymous" } }] } },
  });
  const before = await loadedConfig(own);
  expect(Object.keys(before)).toEqual(["hash"]);
  expect(before.hash).toMatch(/^[0-9a-v]{12}$/);
  const bad = { name: "b", payload: { schema: { type: "nonsense" } } };
  await own.reconfigure({ limits: { maxChannelsPerConnection: 1 }, channels: { namespaces: [{ name: "c" }, bad] } });
  await eventually("refused", 5000, async () => (await loadedConfig(own)).refused !== undefined);
  const after = await loadedConfig(own);
  expect(after.hash).toBe(before.hash);
  expect(after.refused?.hash).not.toBe(before.hash);
  expect(after.refused?.problems).toEqual([
    expect.stringContaining("channels.namespaces.1.payload.schema must compile"),
  ]);
  await using client = await TestClient.connect(own.url);
  for (const channel of ["a:1", "a:2"]) expect(await codeOf(client, { subscribe: { channel } })).toBe(0);
  expect(await codeOf(client, { subscribe: { channel: "c:1" } })).toBe(102);
  await reload(own, { channels: { namespaces: [{ name: "c", allow: { subscribe: "anonymous" } }] } });
  expect((await loadedConfig(own)).refused).toBeUndefined();
});

function withPublish(publish: "anonymous" | "none"): GatewayConfig {
  return { channels: { namespaces: [{ name: "a", allow: { subscribe: "anonymous", publish } }] } };
}

test("[CFG2] a permission that is withdrawn or given acts on the next command of an open connection", async () => {
  await using own = await startGateway({ config: withPublish("anonymous") });
  await using client = await TestClient.connect(own.url);
  await client.call({ subscribe: { channel: "a:1" } });
  expect(await codeOf(client, { publish: { channel: "a:1", data: 1 } })).toBe(0);
  await reload(own, withPublish("none"));
  expect(await codeOf(client, { publish: { channel: "a:1", data: 2 } })).toBe(103);
  expect(await callApi(own, "publish", { channel: "a:1", data: 3 })).toMatchObject({ result: {} });
  expect(await client.waitForPayloads("a:1", 2)).toEqual([1, 3]);
});

test("[CFG3] a namespace that disappears ends its subscriptions with 2000, and touches no other", async () => {
  const open = { subscribe: "anonymous", publish: "anonymous" } as const;
  await using own = await startGateway({
    config: {
      channels: {
        namespaces: [
          { name: "a", allow: open },
          { name: "b", allow: open },
        ],
      },
    },
  });
  await using client = await TestClient.connect(own.url);
  for (const channel of ["a:1", "b:1", "lobby"]) await client.call({ subscribe: { channel } });
  await reload(own, { channels: { namespaces: [{ name: "b", allow: open }] } });
  const { push } = await client.waitFor("unsubscribe", (message) => message.push !== undefined);
  expect(push).toEqual({ channel: "a:1", unsubscribe: { code: 2000, reason: "server unsubscribe" } });
  expect(await codeOf(client, { publish: { channel: "a:1", data: 1 } })).toBe(102);
  for (const channel of ["b:1", "lobby"]) expect(await codeOf(client, { publish: { channel, data: 1 } })).toBe(0);
  await client.waitForPayloads("lobby", 1);
  await client.waitForPayloads("b:1", 1);
  expect(client.received.filter((message) => message.push !== undefined).length).toBe(3);
});

test("[CFG3] a subscribe that is under way when its namespace disappears is answered, then ended", async () => {
  await using keys = await JwksServer.start();
  const key = await signingKey("k1");
  keys.publish(key);
  const answer = keys.answer;
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  keys.answer = (request, response) => {
    asked.resolve();
    void released.promise.then(() => answer(request, response));
  };
  const auth = { jwks: [{ url: keys.url }] };
  const namespaces = [{ name: "a", allow: { subscribe: "token" } as const }];
  await using own = await startGateway({ config: { auth, channels: { namespaces } } });
  await using client = await TestClient.connect(own.url);
  const token = await key.sign({ sub: "", channel: "a:1", exp: Math.floor(Date.now() / 1000) + 600 });
  const reply = client.call({ subscribe: { channel: "a:1", token } });
  await asked.promise;
  await reload(own, { auth });
  released.resolve();
  expect((await reply).error?.code ?? 0).toBe(0);
  const { push } = await client.waitFor("unsubscribe", (message) => message.push !== undefined);
  expect(push).toMatchObject({ channel: "a:1", unsubscribe: { code: 2000 } });
});

test("[CFG4] a namespace that keeps a history from now on restarts its subscriptions with 2502, and they see positions", async () => {
  const allow = { subscribe: "anonymous", publish: "anonymous" } as const;
  const keeping = { name: "a", allow, history: { size: 5, ttlSeconds: 60 } };
  await using own = await startGateway({ config: { channels: { namespaces: [{ name: "a", allow }] } } });
  await using client = await TestClient.connect(own.url);
  await client.call({ subscribe: { channel: "a:1" } });
  await reload(own, { channels: { namespaces: [keeping] } });
  const { push } = await client.waitFor("unsubscribe", (message) => message.push !== undefined);
  expect(push).toEqual({ channel: "a:1", unsubscribe: { code: 2502, reason: "state invalidated" } });
  const again = await client.call({ subscribe: { channel: "a:1", recoverable: true } });
  expect(again["subscribe"]).toMatchObject({ recoverable: true, positioned: true });
  await client.call({ publish: { channel: "a:1", data: 1 } });
  await client.waitForPayloads("a:1", 1);
  // Larger, but kept as before: nobody needs to come back for it.
  await reload(own, { channels: { namespaces: [{ ...keeping, history: { size: 50, ttlSeconds: 60 } }] } });
  await client.call({ publish: { channel: "a:1", data: 2 } });
  await client.waitForPayloads("a:1", 2);
  expect(client.received.filter(({ push: each }) => each !== undefined && !("pub" in each)).length).toBe(1);
});

test("[CFG4] a subscription that the server made is renewed by a subscribe push", async () => {
  const allow = { subscribe: "none" } as const;
  await using own = await startGateway({ config: { channels: { namespaces: [{ name: "a", allow }] } } });
  const token = new SignJWT({ sub: "anna", channels: ["a:1"] }).setProtectedHeader({ alg: "HS256" });
  await using client = await TestClient.connect(own.url, await token.sign(new TextEncoder().encode(own.hmacSecret)));
  await reload(own, { channels: { namespaces: [{ name: "a", allow, history: { size: 5, ttlSeconds: 60 } }] } });
  const { push } = await client.waitFor(
    "subscribe",
    (message) => message.push !== undefined && "subscribe" in message.push,
  );
  expect(push).toMatchObject({ channel: "a:1", subscribe: { recoverable: true, positioned: true } });
  const pushes = client.received.flatMap((message) =>
    message.push === undefined ? [] : [Object.keys(message.push)[1]],
  );
  expect(pushes).toEqual(["unsubscribe", "subscribe"]);
  await callApi(own, "publish", { channel: "a:1", data: 1 });
  expect(await client.waitForPayloads("a:1", 1)).toEqual([1]);
});

test("[CFG4] restarts are paced: many subscriptions of a changed namespace end over some time, and all of them do", async () => {
  const allow = { subscribe: "anonymous", publish: "anonymous" } as const;
  await using own = await startGateway({ config: { channels: { namespaces: [{ name: "a", allow }] } } });
  await using clients = new AsyncDisposableStack();
  const ended: number[] = [];
  for (let opened = 0; opened < 350; opened++) {
    const client = clients.use(await TestClient.connect(own.url));
    await client.call({ subscribe: { channel: "a:1" } });
    client.socket.on("message", (data: Buffer) => {
      if (data.toString("utf8").includes('"code":2502')) ended.push(performance.now());
    });
  }
  await own.reconfigure({ channels: { namespaces: [{ name: "a", allow, presence: true }] } });
  await eventually("all ended", 10_000, () => ended.length === 350);
  // Four slices with three pauses of 50 ms between them.
  expect(Math.max(...ended) - Math.min(...ended)).toBeGreaterThan(120);
});

test("a refused configuration and the number of namespaces are metrics", async () => {
  await using own = await startGateway({ config: { channels: { namespaces: [{ name: "a" }] } } });
  const metrics = async (): Promise<string> => (await fetch(`${own.httpUrl}/metrics`)).text();
  expect(await metrics()).toContain("belay_gateway_namespaces 2");
  expect(await metrics()).toContain("belay_gateway_config_refused 0");
  await own.reconfigure({ channels: { namespaces: [{ name: "a" }, { name: "a" }] } });
  await eventually("refused", 5000, async () => (await metrics()).includes("belay_gateway_config_refused 1"));
});
