import { callApi, eventually, startGateway, TcpProxy } from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { createClient } from "../src/create-client.ts";
import { UnauthorizedError } from "../src/errors.ts";
import type { ClientOptions } from "../src/options.ts";
import type { Client } from "../src/client.ts";

const WITHIN_MS = 20_000;
/** Life of the tokens that are to be renewed: enough to connect on a slow machine. */
const FIRST_SECONDS = 8;
const everyone = { subscribe: "anonymous", publish: "anonymous", history: "anonymous", presence: "anonymous" } as const;
const config = {
  channels: {
    unprefixed: { allow: everyone, history: { size: 2, ttlSeconds: 60 } },
    namespaces: [
      {
        name: "chat",
        history: { size: 500, ttlSeconds: 60 },
        presence: true,
        joinLeave: "OnRequest",
        allow: everyone,
      },
    ],
  },
} as const;

interface Chat {
  readonly text: string;
}

interface Names {
  "chat:*": Chat;
  news: number;
}

function connect(endpoint: string, options: Partial<ClientOptions> = {}): Client<Names> {
  const client = createClient<Names>({ endpoint, backoff: { baseMs: 50, maxMs: 200 }, ...options });
  onTestFinished(() => client.disconnect());
  client.connect();
  return client;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

test("[SDK3] a client connects, subscribes, publishes, and is asked for history and presence", async () => {
  await using gateway = await startGateway({ config });
  const token = await new SignJWT({ sub: "ann" })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(gateway.hmacSecret));
  const client = connect(gateway.url, { token });
  const chat = client.channel("chat:1", { joinLeave: true });
  const shown: unknown[] = [];
  chat.on("publication", (publication) => shown.push(publication));
  chat.subscribe();
  await chat.ready();
  expect(client.state.name).toBe("connected");
  await chat.publish({ text: "hello" });
  await callApi(gateway, "publish", { channel: "chat:1", data: { text: "of the server" }, tags: { kind: "a" } });
  await eventually("both are shown", WITHIN_MS, () => shown.length === 2);
  expect(shown).toMatchObject([
    { channel: "chat:1", data: { text: "hello" }, offset: 1, info: { user: "ann", client: client.id } },
    { channel: "chat:1", data: { text: "of the server" }, offset: 2, tags: { kind: "a" } },
  ]);
  const history = await chat.history();
  expect(history.publications.map(({ data }) => data.text)).toEqual(["hello", "of the server"]);
  expect([...(await chat.presence()).values()].map(({ user }) => user)).toEqual(["ann"]);
  expect(await chat.presenceStats()).toEqual({ clients: 1, users: 1 });
  await expect(client.rpc("nobody", {})).rejects.toMatchObject({ name: "ServerError", code: 104 });
  expect(client.inspect()).toMatchObject({
    state: { name: "connected" },
    channels: [{ channel: "chat:1", state: "subscribed", position: { offset: 2 } }],
    connection: { transport: "websocket", pending: 0 },
    publishes: { unacknowledged: 0 },
  });
  chat.unsubscribe();
  await client.publish("chat:1", { text: "unheard" });
  expect(shown).toHaveLength(2);
});

test("[SDK4] through lost connections every publication is shown once and in order, and every publish made once", async () => {
  await using gateway = await startGateway({ config });
  const proxy = await TcpProxy.start(portOf(gateway.url));
  const publisher = connect(`ws://127.0.0.1:${proxy.port}`);
  const reader = connect(`ws://127.0.0.1:${proxy.port}`);
  const chat = reader.channel("chat:1");
  const shown: string[] = [];
  chat.on("publication", ({ data }) => shown.push(data.text));
  chat.on("reset", () => shown.push("reset"));
  chat.subscribe();
  await chat.ready();
  await publisher.ready();
  const count = 120;
  const made: Promise<void>[] = [];
  for (let number = 0; number < count; number += 1) {
    made.push(publisher.publish("chat:1", { text: String(number) }));
    if (number % 40 === 20) {
      proxy.cut();
      proxy.mend();
    }
    if (number % 10 === 5) await eventually("some are acknowledged", WITHIN_MS, () => publisher.queue.count < 5);
  }
  await Promise.all(made);
  await eventually("all are shown", WITHIN_MS, () => shown.length >= count);
  expect(shown).toEqual(Array.from({ length: count }, (_, number) => String(number)));
  expect(publisher.inspect().publishes).toEqual({ unacknowledged: 0, waiting: 0, waitingBytes: 0 });
});

test("[SDK5] what is missed for good is told, and what follows waits until the application has reloaded", async () => {
  await using gateway = await startGateway({ config });
  const proxy = await TcpProxy.start(portOf(gateway.url));
  const client = connect(`ws://127.0.0.1:${proxy.port}`);
  const shown: unknown[] = [];
  const news = client.channel("news", {
    onReset: async () => {
      shown.push("reloading");
      await Promise.resolve();
      shown.push("reloaded");
    },
  });
  news.on("publication", ({ data }) => shown.push(data));
  news.subscribe();
  await news.ready();
  await callApi(gateway, "publish", { channel: "news", data: 1 });
  await eventually("the first is shown", WITHIN_MS, () => shown.length === 1);
  proxy.cut();
  await eventually("the loss is seen", WITHIN_MS, () => client.state.name === "reconnecting");
  for (const data of [2, 3, 4, 5]) await callApi(gateway, "publish", { channel: "news", data });
  proxy.mend();
  await news.ready();
  await callApi(gateway, "publish", { channel: "news", data: 6 });
  await eventually("the last is shown", WITHIN_MS, () => shown.includes(6));
  expect(shown).toEqual([1, "reloading", "reloaded", 6]);
});

test("[SDK23] more than a server recovers at once is read piece by piece, and shown once and in order", async () => {
  await using gateway = await startGateway({ config });
  const proxy = await TcpProxy.start(portOf(gateway.url));
  const client = connect(`ws://127.0.0.1:${proxy.port}`);
  const chat = client.channel("chat:1");
  const shown: string[] = [];
  chat.on("publication", ({ data }) => shown.push(data.text));
  chat.on("reset", ({ reason }) => shown.push(reason));
  chat.subscribe();
  await chat.ready();
  await callApi(gateway, "publish", { channel: "chat:1", data: { text: "0" } });
  await eventually("the first is shown", WITHIN_MS, () => shown.length === 1);
  proxy.cut();
  await eventually("the loss is seen", WITHIN_MS, () => client.state.name === "reconnecting");
  for (let number = 1; number <= 450; number += 1)
    await callApi(gateway, "publish", { channel: "chat:1", data: { text: String(number) } });
  proxy.mend();
  await eventually("the last is shown", WITHIN_MS, () => shown.includes("450"));
  expect(shown).toEqual(Array.from({ length: 451 }, (_, number) => String(number)));
});

test("[SDK12] a final close code stops the client with its reason, and everything that waits is told", async () => {
  await using gateway = await startGateway({ config });
  const client = connect(gateway.url, { token: "no.token.atall" });
  await expect(client.ready()).rejects.toMatchObject({ name: "ClosedError", reason: { code: 3500 } });
  expect(client.state).toMatchObject({ name: "closed", reason: { code: 3500 } });
  await expect(client.rpc("any")).rejects.toMatchObject({ name: "ClosedError" });
});

async function signedOut(): Promise<string> {
  throw new UnauthorizedError("signed out");
}

test("[SDK12] options that cannot work close the client, instead of being tried for ever", async () => {
  const bad = connect("no address");
  await expect(bad.ready()).rejects.toMatchObject({ name: "ClosedError", reason: { code: 11 } });
  const without = connect("https://example.com", { transports: [] });
  await expect(without.ready()).rejects.toMatchObject({ reason: { code: 8 } });
  const unauthorized = connect("https://example.com", { getToken: signedOut });
  await expect(unauthorized.ready()).rejects.toMatchObject({ reason: { code: 6, message: "signed out" } });
});

test("[SDK18] where WebSockets are not served the client goes on with an HTTP stream, and with SSE where that is not either", async () => {
  for (const transport of ["http_stream", "sse"] as const) {
    await using gateway = await startGateway({ config: { ...config, transports: { enabled: [transport] } } });
    const client = connect(gateway.url);
    const chat = client.channel("chat:1");
    const shown: string[] = [];
    chat.on("publication", ({ data }) => shown.push(data.text));
    chat.subscribe();
    await chat.ready();
    await chat.publish({ text: "hello" });
    await eventually("it is shown", WITHIN_MS, () => shown.length === 1);
    expect(client.inspect().connection?.transport).toBe(transport);
    client.disconnect();
  }
});

test("[SDK15] [SDK16] tokens of the connection and of a subscription are renewed before they end", async () => {
  await using gateway = await startGateway({ config });
  const sign = (claims: object, seconds: number) =>
    new SignJWT({ sub: "ann", ...claims })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime(`${seconds} s`)
      .sign(new TextEncoder().encode(gateway.hmacSecret));
  const asked = { client: 0, channel: 0 };
  const endMs = performance.now() + FIRST_SECONDS * 1000 + 500;
  const client = connect(gateway.url, {
    getToken: () => {
      asked.client += 1;
      return sign({}, asked.client === 1 ? FIRST_SECONDS : 60);
    },
  });
  const chat = client.channel("chat:1", {
    getToken: () => {
      asked.channel += 1;
      return sign({ channel: "chat:1" }, asked.channel === 1 ? FIRST_SECONDS : 60);
    },
  });
  const states: string[] = [];
  client.on("state", ({ name }) => states.push(name));
  chat.subscribe();
  await chat.ready();
  await eventually("both are renewed", WITHIN_MS, () => asked.client === 2 && asked.channel === 2);
  await eventually("the first ones have ended", WITHIN_MS, () => performance.now() > endMs);
  await chat.publish({ text: "still here" });
  expect(chat.state.name).toBe("subscribed");
  expect(states).toEqual(["connected"]);
  expect(asked).toEqual({ client: 2, channel: 2 });
});
