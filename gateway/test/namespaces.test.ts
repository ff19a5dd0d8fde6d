import type { ChannelsConfig } from "@belay/protocol/control";
import { callApi, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
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

function tokenOf(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(gateway.hmacSecret));
}

async function connectAs(user: string, claims: Readonly<Record<string, unknown>> = {}): Promise<TestClient> {
  return TestClient.connect(gateway.url, await tokenOf({ sub: user, ...claims }));
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

test("[CHN4] [CHN5] a subscription token opens a private channel and one of others; whoever is in goes on by the namespace's rules", async () => {
  await using anna = await connectAs("anna");
  for (const channel of ["$open:x", "open:talk#boris", "users:board"]) {
    const token = await tokenOf({ sub: "anna", channel });
    expect(await codeOf(anna, { subscribe: { channel, token } })).toBe(0);
    expect(await codeOf(anna, { publish: { channel, data: 1 } })).toBe(0);
  }
  const token = await tokenOf({ sub: "anna", channel: "closed:x" });
  expect(await codeOf(anna, { subscribe: { channel: "closed:x", token } })).toBe(103);
});

test("[CHN6] capabilities of the connection token open what the namespace does not, and nothing that is closed by name", async () => {
  const caps = [
    { channels: ["kept:*", "$kept:*", "open:*"], match: "wildcard", allow: ["pub"] },
    { channels: ["closed:x"], allow: ["sub"] },
  ];
  await using anna = await connectAs("anna", { caps });
  expect(await codeOf(anna, { publish: { channel: "kept:x", data: 1 } })).toBe(0);
  expect(await codeOf(anna, { publish: { channel: "open:x", data: 1 } })).toBe(0);
  expect(await codeOf(anna, { publish: { channel: "users:x", data: 1 } })).toBe(0);
  expect(await codeOf(anna, { publish: { channel: "named:1", data: 1 } })).toBe(103);
  expect(await codeOf(anna, { publish: { channel: "$kept:x", data: 1 } })).toBe(103);
  expect(await codeOf(anna, { publish: { channel: "open:x#boris", data: 1 } })).toBe(103);
  expect(await codeOf(anna, { subscribe: { channel: "closed:x" } })).toBe(103);
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

test("[API8] the server API publishes without permission, by the namespace's rules for names and payloads, into its history", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "kept:api" } });
  const publish = (channel: string, data: unknown): Promise<unknown> => callApi(gateway, "publish", { channel, data });
  expect(await publish("kept:api", 1)).toMatchObject({ result: {} });
  expect(await publish("nowhere:x", 1)).toMatchObject({ error: { code: 102 } });
  expect(await publish("named:x", 1)).toMatchObject({ error: { code: 107 } });
  expect(await publish("shaped:x", { text: 1 })).toEqual({ error: { code: 107, message: "data/text must be string" } });
  const history = await client.call({ history: { channel: "kept:api", limit: 10 } });
  expect(history["history"]).toMatchObject({ offset: 1, publications: [{ data: 1 }] });
});

test("[CHN9] one subscriber more than maxSubscribers gets error 106", async () => {
  await using one = await TestClient.connect(gateway.url);
  await using two = await TestClient.connect(gateway.url);
  expect(await codeOf(one, { subscribe: { channel: "small:x" } })).toBe(0);
  expect(await codeOf(two, { subscribe: { channel: "small:x" } })).toBe(106);
  expect(await codeOf(two, { subscribe: { channel: "small:y" } })).toBe(0);
});
