import type { ChannelsConfig, GatewayConfig } from "@belay/protocol/control";
import {
  callApi,
  callControl,
  eventually,
  type GatewayAccess,
  type RunningGateway,
  startGateway,
  TestClient,
} from "@belay/testkit";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";

const channels: ChannelsConfig = {
  unprefixed: { allow: { publish: "authenticated" } },
  namespaces: [
    { name: "open", allow: { subscribe: "anonymous", publish: "subscriber" } },
    { name: "users", allow: { publish: "authenticated" }, presence: true },
    { name: "closed", allow: { subscribe: "none" } },
    { name: "kept", allow: { subscribe: "anonymous" }, history: { size: 5, ttlSeconds: 60 } },
    { name: "named", allow: { subscribe: "anonymous" }, namePatterns: ["[0-9]+"] },
    { name: "small", allow: { subscribe: "anonymous" }, maxSubscribers: 1 },
    {
      name: "shaped",
      allow: { subscribe: "anonymous", publish: "anonymous" },
      payload: {
        maxBytes: 100,
        schema: { type: "object", required: ["text"], properties: { text: { type: "string" } } },
        sanitize: [{ path: "/text" }],
      },
    },
  ],
};

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ config: { channels } });
});
afterAll(() => gateway[Symbol.asyncDispose]());

async function connectAs(user: string, at: GatewayAccess = gateway): Promise<TestClient> {
  const token = new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" });
  return TestClient.connect(at.url, await token.sign(new TextEncoder().encode(at.hmacSecret)));
}

async function codeOf(client: TestClient, command: Readonly<Record<string, unknown>>): Promise<number> {
  return (await client.call(command)).error?.code ?? 0;
}

test("[CHN1] a namespace that is not configured gets error 102 for every command", async () => {
  await using client = await TestClient.connect(gateway.url);
  for (const command of ["subscribe", "publish", "history", "presence", "presence_stats"]) {
    const reply = await client.call({ [command]: { channel: "nowhere:x", data: 1 } });
    expect(reply.error).toEqual({ code: 102, message: "unknown channel" });
  }
  expect(await codeOf(client, { subscribe: { channel: "lobby" } })).toBe(0);
});

test("[CHN2] a name that fits no pattern gets error 107", async () => {
  await using client = await TestClient.connect(gateway.url);
  expect(await codeOf(client, { subscribe: { channel: "named:42" } })).toBe(0);
  expect((await client.call({ subscribe: { channel: "named:x" } })).error).toEqual({
    code: 107,
    message: "channel must have a name that its namespace allows",
  });
});

test("[CHN3] a channel of certain users is closed to everybody else, for every operation", async () => {
  await using anna = await connectAs("anna");
  await using carol = await connectAs("carol");
  await using nobody = await TestClient.connect(gateway.url);
  const channel = "users:talk#anna,boris";
  expect(await codeOf(anna, { subscribe: { channel } })).toBe(0);
  expect(await codeOf(anna, { publish: { channel, data: 1 } })).toBe(0);
  for (const client of [carol, nobody]) {
    for (const command of ["subscribe", "publish", "presence"]) {
      expect(await codeOf(client, { [command]: { channel, data: 1 } })).toBe(103);
    }
  }
});

test("[CHN4] a private channel is closed without a subscription token", async () => {
  await using anna = await connectAs("anna");
  expect(await codeOf(anna, { subscribe: { channel: "$open:x" } })).toBe(103);
  expect(await codeOf(anna, { publish: { channel: "$lobby", data: 1 } })).toBe(103);
});

test("[CHN5] [SUB1] [PUB1] permissions decide by user and subscription; what is not kept is 108", async () => {
  await using anna = await connectAs("anna");
  await using nobody = await TestClient.connect(gateway.url);
  expect(await codeOf(nobody, { publish: { channel: "open:x", data: 1 } })).toBe(103);
  expect(await codeOf(nobody, { subscribe: { channel: "open:x" } })).toBe(0);
  expect(await codeOf(nobody, { publish: { channel: "open:x", data: 1 } })).toBe(0);
  expect(await codeOf(nobody, { publish: { channel: "lobby", data: 1 } })).toBe(103);
  expect(await codeOf(anna, { publish: { channel: "lobby", data: 1 } })).toBe(0);
  expect(await codeOf(nobody, { subscribe: { channel: "users:x" } })).toBe(103);
  expect(await codeOf(anna, { subscribe: { channel: "users:x" } })).toBe(0);
  expect(await codeOf(anna, { presence: { channel: "users:x" } })).toBe(0);
  expect(await codeOf(anna, { presence: { channel: "users:y" } })).toBe(103);
  expect(await codeOf(anna, { history: { channel: "users:x" } })).toBe(108);
  expect(await codeOf(anna, { presence: { channel: "open:x" } })).toBe(108);
  expect(await codeOf(anna, { subscribe: { channel: "closed:x" } })).toBe(103);
});

test("[CHN7] a payload that does not fit gets error 107 with the path", async () => {
  await using client = await TestClient.connect(gateway.url);
  const publish = async (data: unknown): Promise<unknown> =>
    (await client.call({ publish: { channel: "shaped:x", data } })).error;
  expect(await publish({ text: 1 })).toEqual({ code: 107, message: "data/text must be string" });
  expect(await publish({ text: "x".repeat(100) })).toEqual({ code: 107, message: "data must have at most 100 bytes" });
  expect(await publish({ text: "fine" })).toBeUndefined();
});

test("[CHN8] markup that would run is taken out, everything else goes on byte for byte", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "shaped:x" } });
  client.send('{"id":90,"publish":{"channel":"shaped:x","data":{"n": 1.50, "text":"<b>a<script>b"}}}');
  client.send('{"id":91,"publish":{"channel":"shaped:x","data":{"n": 1.50, "text":"\\u003cb>a</b>"}}}');
  await client.waitForPayloads("shaped:x", 2);
  const frames = client.frames.join("\n");
  expect(frames).toContain('"data":{"n":1.50,"text":"<b>a</b>"}');
  expect(frames).toContain('"data":{"n": 1.50, "text":"\\u003cb>a</b>"}');
});

test("[CHN9] one subscriber more than maxSubscribers gets error 106", async () => {
  await using one = await TestClient.connect(gateway.url);
  await using two = await TestClient.connect(gateway.url);
  expect(await codeOf(one, { subscribe: { channel: "small:x" } })).toBe(0);
  expect(await codeOf(two, { subscribe: { channel: "small:x" } })).toBe(106);
  expect(await codeOf(two, { subscribe: { channel: "small:y" } })).toBe(0);
});

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
