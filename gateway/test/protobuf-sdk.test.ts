import { once } from "node:events";
import { callApi, eventually, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
import {
  Centrifuge,
  type PublicationContext,
  type Subscription,
  type SubscriptionOptions,
} from "centrifuge/build/protobuf";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";

/** The unmodified SDK in its Protobuf form over a real socket, beside clients that speak JSON. */
let gateway: RunningGateway;
beforeAll(async () => {
  const allow = { subscribe: "anonymous", publish: "anonymous", history: "anonymous", presence: "anonymous" } as const;
  gateway = await startGateway({
    config: {
      heartbeat: { pingIntervalMs: 1000, pongTimeoutMs: 500 },
      channels: {
        unprefixed: { allow: { subscribe: "anonymous", publish: "anonymous" } },
        namespaces: [
          {
            name: "kept",
            allow,
            history: { size: 100, ttlSeconds: 60 },
            presence: true,
            joinLeave: "Always",
            delta: "Always",
          },
          { name: "raw", allow, payload: { format: "binary" } },
        ],
      },
    },
  });
});
afterAll(() => gateway[Symbol.asyncDispose]());

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (data: unknown): unknown => JSON.parse(new TextDecoder().decode(data as Uint8Array));

async function connected(query = ""): Promise<Centrifuge> {
  const client = new Centrifuge(`${gateway.url}${query}`, {
    websocket: WebSocket,
    minReconnectDelay: 10,
    maxReconnectDelay: 50,
  });
  onTestFinished(() => client.disconnect());
  client.connect();
  await client.ready(5000);
  return client;
}

async function closeCodeAfter(socket: WebSocket, frame: string | Buffer): Promise<number> {
  socket.once("open", () => socket.send(frame));
  const [code] = (await once(socket, "close")) as [number];
  return code;
}

interface Subscribed {
  readonly subscription: Subscription;
  readonly got: PublicationContext[];
}

async function subscribed(
  client: Centrifuge,
  channel: string,
  options: Partial<SubscriptionOptions> = {},
): Promise<Subscribed> {
  const subscription = client.newSubscription(channel, options);
  const got: PublicationContext[] = [];
  subscription.on("publication", (publication) => got.push(publication));
  subscription.subscribe();
  await subscription.ready(5000);
  return { subscription, got };
}

test("[FRM4] [HB1] the SDK in Protobuf publishes, reads history and presence, gets errors, and stays over several pings", async () => {
  const client = await connected();
  let losses = 0;
  client.on("connecting", ({ code }) => (losses += code === 0 ? 0 : 1));
  const { subscription, got } = await subscribed(client, "kept:a");
  for (let n = 0; n < 3; n++) await subscription.publish(encode({ n }));
  await eventually("publications", 5000, () => got.length === 3);
  expect(got.map(({ data, offset }) => [decode(data), offset])).toEqual([0, 1, 2].map((n) => [{ n }, n + 1]));
  const history = await subscription.history({ limit: 2, reverse: true });
  expect(history.publications.map(({ data }) => decode(data))).toEqual([{ n: 2 }, { n: 1 }]);
  expect(Object.values((await subscription.presence()).clients)).toHaveLength(1);
  expect(await subscription.presenceStats()).toMatchObject({ numClients: 1, numUsers: 1 });
  await expect(client.rpc("x", encode({}))).rejects.toMatchObject({ code: 104 });
  const endMs = Date.now() + 2500;
  await eventually("two pings", 5000, () => Date.now() > endMs);
  await subscription.publish(encode("still here"));
  expect(losses).toBe(0);
});

test("[PAY1] [PAY2] clients of both forms hear each other, and the server, in one channel", async () => {
  const { subscription, got } = await subscribed(await connected(), "both");
  await using json = await TestClient.connect(gateway.url);
  await json.call({ subscribe: { channel: "both" } });
  await json.call({ publish: { channel: "both", data: { from: "json" } } });
  await subscription.publish(new TextEncoder().encode('{\n  "from": "protobuf"\r\n}'));
  await callApi(gateway, "publish", { channel: "both", data: { from: "server" } });
  const expected = ["json", "protobuf", "server"].map((from) => ({ from }));
  await eventually("all three", 5000, () => got.length === 3);
  expect(got.map(({ data }) => decode(data))).toEqual(expected);
  await json.waitFor("the last", ({ push }) => JSON.stringify(push?.pub?.data) === '{"from":"server"}');
  expect(json.received.flatMap(({ push }) => (push?.pub === undefined ? [] : [push.pub.data]))).toEqual(expected);
  await expect(subscription.publish(Uint8Array.of(0xff, 0))).rejects.toMatchObject({ code: 107 });
});

test("[FRM4] binary payloads travel in a channel of binary format, which is closed to JSON clients", async () => {
  const { subscription, got } = await subscribed(await connected(), "raw:a");
  const data = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await subscription.publish(data);
  await eventually("the publication", 5000, () => got.length === 1);
  expect(Uint8Array.from(got[0]?.data as Uint8Array)).toEqual(data);
  await using json = await TestClient.connect(gateway.url);
  expect((await json.call({ subscribe: { channel: "raw:a" } })).error?.code).toBe(108);
});

test("[SUB9] [SUB11] the SDK applies patches in the Protobuf form", async () => {
  const { got } = await subscribed(await connected(), "kept:delta", { delta: "fossil", recoverable: true });
  await using publisher = await TestClient.connect(gateway.url);
  const document = { text: "x".repeat(500), values: Array.from({ length: 50 }, (_, n) => n) };
  const sent = Array.from({ length: 10 }, (_, n) => ({ ...document, n, name: `häße ${n}` }));
  for (const data of sent) await publisher.call({ publish: { channel: "kept:delta", data } });
  await eventually("all", 5000, () => got.length === sent.length);
  expect(got.map(({ data }) => decode(data))).toEqual(sent);
});

test("[FRM4] a subscription recovers over a cut in the Protobuf form", async () => {
  const client = await connected();
  const { subscription, got } = await subscribed(client, "kept:cut", { recoverable: true });
  await using publisher = await TestClient.connect(gateway.url);
  await publisher.call({ publish: { channel: "kept:cut", data: 1 } });
  await eventually("the first", 5000, () => got.length === 1);
  client.disconnect();
  for (const data of [2, 3]) await publisher.call({ publish: { channel: "kept:cut", data } });
  const { promise: isRecovered, resolve } = Promise.withResolvers<boolean>();
  subscription.once("subscribed", ({ recovered }) => resolve(recovered));
  client.connect();
  expect(await isRecovered).toBe(true);
  await eventually("the rest", 5000, () => got.length === 3);
  expect(got.map(({ data }) => decode(data))).toEqual([1, 2, 3]);
});

test("[FRM2] a malformed frame in the Protobuf form closes with 3501", async () => {
  expect(await closeCodeAfter(new WebSocket(gateway.url, "centrifuge-protobuf"), Buffer.from([5, 8, 1]))).toBe(3501);
});
