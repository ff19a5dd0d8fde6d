import { callApi, eventually, type RunningGateway, startGateway } from "@belay/testkit";
import { Centrifuge, type PublicationContext, State, type Subscription } from "centrifuge";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";

/** The unmodified SDK over a real socket. */
let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ config: { heartbeat: { pingIntervalMs: 1000, pongTimeoutMs: 500 } } });
});
afterAll(() => gateway[Symbol.asyncDispose]());

function sdk(options: ConstructorParameters<typeof Centrifuge>[1] = {}): Centrifuge {
  const client = new Centrifuge(gateway.url, {
    websocket: WebSocket,
    minReconnectDelay: 10,
    maxReconnectDelay: 50,
    ...options,
  });
  onTestFinished(() => client.disconnect());
  return client;
}

async function subscribed(
  client: Centrifuge,
  channel: string,
): Promise<{ subscription: Subscription; got: PublicationContext[] }> {
  const subscription = client.newSubscription(channel);
  const got: PublicationContext[] = [];
  subscription.on("publication", (publication) => got.push(publication));
  subscription.subscribe();
  await subscription.ready(5000);
  return { subscription, got };
}

const sign = (user: string, seconds: number) =>
  new SignJWT({})
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(new TextEncoder().encode(gateway.hmacSecret));

test("[PUB2] two SDK clients chat both ways, with each other's user in info", async () => {
  const [ann, bob] = [sdk({ token: await sign("ann", 600) }), sdk({ token: await sign("bob", 600) })];
  ann.connect();
  bob.connect();
  const [annChat, bobChat] = await Promise.all([subscribed(ann, "sdk"), subscribed(bob, "sdk")]);
  await annChat.subscription.publish({ text: "hello bob" });
  await bobChat.subscription.publish({ text: "hello ann" });
  for (const { got } of [annChat, bobChat]) {
    await eventually("both", 5000, () => got.length === 2);
    expect(got.map(({ data, info }): unknown[] => [info?.user, data])).toEqual([
      ["ann", { text: "hello bob" }],
      ["bob", { text: "hello ann" }],
    ]);
  }
});

test("[ORD2] 2,000 publications reach 20 SDK clients in order, each once", async () => {
  const clients = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = sdk();
      client.connect();
      return subscribed(client, "order");
    }),
  );
  for (let first = 0; first < 2000; first += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => callApi(gateway, "publish", { channel: "order", data: first + n })),
    );
  }
  for (const { got } of clients) await eventually("all", 10_000, () => got.length === 2000);
  const [first, ...others] = clients.map(({ got }) => got.map(({ data }) => data as number));
  expect(first?.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 2000 }, (_, n) => n));
  for (const other of others) expect(other).toEqual(first);
});

test("[HB1] the SDK answers pings and stays connected over several of them", async () => {
  const client = sdk();
  let losses = 0;
  client.on("connecting", ({ code }) => (losses += code === 0 ? 0 : 1));
  client.connect();
  await client.ready(5000);
  const { got } = await subscribed(client, "hb1");
  const endMs = Date.now() + 3500;
  await eventually("pings", 6000, () => Date.now() > endMs);
  await callApi(gateway, "publish", { channel: "hb1", data: 1 });
  await eventually("still delivered", 5000, () => got.length === 1);
  expect(losses).toBe(0);
});

test("[AUT3] [AUT15] an expired token makes the SDK fetch a new one, a connected one renews it in place", async () => {
  let fetched = 0;
  const client = sdk({
    token: await sign("ann", -5),
    getToken: () => {
      fetched += 1;
      return sign("ann", fetched === 1 ? 2 : 600);
    },
  });
  const codes: number[] = [];
  client.on("connecting", ({ code }) => codes.push(code));
  client.connect();
  await client.ready(5000);
  expect(fetched).toBe(1);
  await eventually("renewed", 8000, () => fetched >= 2);
  expect(await client.rpc("x", {}).catch(({ code }: { code: number }) => code)).toBe(104);
  expect(codes).toEqual([0]);
});

test("[API5] after a disconnect without a code the SDK stays away, after a reconnect code it comes back and is subscribed again", async () => {
  const client = sdk({ token: await sign("carl", 600) });
  client.connect();
  const { got } = await subscribed(client, "api5");
  await callApi(gateway, "disconnect", { user: "carl", disconnect: { code: 3001, reason: "shutdown" } });
  await eventually("back", 5000, async () => {
    await callApi(gateway, "publish", { channel: "api5", data: "again" });
    return got.length > 0;
  });
  const away = Promise.withResolvers<number>();
  client.on("disconnected", ({ code }) => away.resolve(code));
  await callApi(gateway, "disconnect", { user: "carl" });
  expect(await away.promise).toBe(3503);
});

test("[CON4] [AUT1] an unauthorized SDK client and one with a bad token stop for good", async () => {
  const bad = sdk({ token: "bad" });
  const closing = Promise.withResolvers<number>();
  bad.on("disconnected", ({ code }) => closing.resolve(code));
  bad.connect();
  expect(await closing.promise).toBe(3500);
});

test("[CMD6] history, presence and rpc reject with their codes", async () => {
  const client = sdk();
  client.connect();
  await client.ready(5000);
  await expect(client.history("a", { limit: 1 })).rejects.toMatchObject({ code: 108 });
  await expect(client.presence("a")).rejects.toMatchObject({ code: 108 });
  await expect(client.rpc("x", {})).rejects.toMatchObject({ code: 104 });
  expect(client.state).toBe(State.Connected);
});
