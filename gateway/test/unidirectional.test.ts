import { once } from "node:events";
import { callApi, startGateway, TestClient, TestStream } from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, test } from "vitest";

const STREAMS = ["uni_sse", "uni_http_stream"] as const;

function token(gateway: { readonly hmacSecret: string }, claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("anna")
    .sign(Buffer.from(gateway.hmacSecret));
}

function isPing(message: object): boolean {
  return Object.keys(message).length === 0;
}

function uniUrl(httpUrl: string, transport: string, request?: unknown): string {
  const query = request === undefined ? "" : `?cf_connect=${encodeURIComponent(JSON.stringify(request))}`;
  return `${httpUrl}/connection/${transport}${query}`;
}

test.each(STREAMS)(
  "[UNI1] %s: the connect request is in the query or the body, and the first push says that it is connected",
  async (transport) => {
    await using gateway = await startGateway();
    const jwt = await token(gateway, {});
    await using asked = await TestStream.open(uniUrl(gateway.httpUrl, transport, { token: jwt, subs: { news: {} } }));
    await using posted = await TestStream.open(uniUrl(gateway.httpUrl, transport), {
      method: "POST",
      body: JSON.stringify({ token: jwt, subs: { news: {} } }),
    });
    await using anonymous = await TestStream.open(uniUrl(gateway.httpUrl, transport));
    for (const stream of [asked, posted, anonymous])
      await stream.waitFor("connect push", ({ push }) => push !== undefined);
    expect(asked.received[0]).toMatchObject({ push: { connect: { subs: { news: {} } } } });
    expect(anonymous.received[0]).not.toHaveProperty("push.connect.pong");
    await callApi(gateway, "publish", { channel: "news", data: 1 });
    for (const stream of [asked, posted]) {
      expect((await stream.waitFor("publication", ({ push }) => push?.channel === "news")).push?.pub?.data).toBe(1);
    }
    expect(anonymous.received).toHaveLength(1);
  },
);

test("[UNI1] channels of the token are subscribed without being named", async () => {
  await using gateway = await startGateway();
  const jwt = await token(gateway, { channels: ["news"] });
  await using stream = await TestStream.open(uniUrl(gateway.httpUrl, "uni_sse", { token: jwt, subs: { room: {} } }));
  const first = await stream.waitFor("connect push", ({ push }) => push !== undefined);
  expect(first).toMatchObject({ push: { connect: { subs: { news: {}, room: {} } } } });
  await callApi(gateway, "publish", { channel: "news", data: 1 });
  await stream.waitFor("publication", ({ push }) => push?.channel === "news");
});

test("[UNI2] a channel that its namespace closes to the client is left out", async () => {
  const config = { channels: { unprefixed: { allow: { subscribe: "authenticated" } } } } as const;
  await using gateway = await startGateway({ config });
  const jwt = await token(gateway, {});
  await using nobody = await TestStream.open(uniUrl(gateway.httpUrl, "uni_sse", { subs: { room: {} } }));
  await using anna = await TestStream.open(uniUrl(gateway.httpUrl, "uni_sse", { token: jwt, subs: { room: {} } }));
  for (const stream of [nobody, anna]) await stream.waitFor("connect push", ({ push }) => push !== undefined);
  expect(nobody.received[0]).not.toHaveProperty("push.connect.subs");
  expect(anna.received[0]).toMatchObject({ push: { connect: { subs: { room: {} } } } });
});

test("[UNI1] a WebSocket connects with its first frame, or with the query", async () => {
  await using gateway = await startGateway();
  const jwt = await token(gateway, {});
  const url = gateway.url.replace("/websocket", "/uni_websocket");
  await using talking = await TestClient.open(url);
  talking.send(JSON.stringify({ token: jwt, subs: { news: {} } }));
  await using silent = await TestClient.open(
    `${url}?cf_connect=${encodeURIComponent(JSON.stringify({ token: jwt, subs: { news: {} } }))}`,
  );
  for (const client of [talking, silent]) {
    await client.waitFor("connect push", ({ push }) => push !== undefined);
    // Whatever else it says is not for anybody.
    client.send('{"id":2,"publish":{"channel":"news","data":"mine"}}');
  }
  await callApi(gateway, "publish", { channel: "news", data: 1 });
  for (const client of [talking, silent]) expect(await client.waitForPayloads("news", 1)).toEqual([1]);
});

test("[UNI2] channels that the connect request names are subscribed as far as their namespace allows it", async () => {
  await using gateway = await startGateway();
  await using stream = await TestStream.open(uniUrl(gateway.httpUrl, "uni_sse", { subs: { room: {}, hall: {} } }));
  const first = await stream.waitFor("connect push", ({ push }) => push !== undefined);
  expect(first).toMatchObject({ push: { connect: { subs: { room: {}, hall: {} } } } });
  await callApi(gateway, "publish", { channel: "hall", data: 1 });
  await stream.waitFor("publication", ({ push }) => push?.channel === "hall");
});

test.each(STREAMS)("[UNI3] %s: a refusal is a disconnect push and the end", async (transport) => {
  await using gateway = await startGateway({ config: { auth: { anonymous: false } } });
  const expired = await token(gateway, { exp: 1 });
  await using nobody = await TestStream.open(uniUrl(gateway.httpUrl, transport));
  await using late = await TestStream.open(uniUrl(gateway.httpUrl, transport, { token: expired }));
  await using forged = await TestStream.open(uniUrl(gateway.httpUrl, transport, { token: "x.y.z" }));
  for (const stream of [nobody, late, forged]) await stream.ended;
  expect(nobody.received).toMatchObject([{ push: { disconnect: { code: 3507 } } }]);
  expect(late.received).toMatchObject([{ push: { disconnect: { code: 3005 } } }]);
  expect(forged.received).toMatchObject([{ push: { disconnect: { code: 3500 } } }]);
});

test("[UNI3] a WebSocket that is refused, or whose first frame is no connect request, is closed with the code", async () => {
  await using gateway = await startGateway({ config: { auth: { anonymous: false } } });
  const url = gateway.url.replace("/websocket", "/uni_websocket");
  for (const [frame, code] of [
    ["{}", 3507],
    ["nonsense", 3501],
    ["[]", 3501],
  ] as const) {
    await using client = await TestClient.open(url);
    client.send(frame);
    expect((await client.closed).code).toBe(code);
    expect(client.received).toEqual([]);
  }
  for (const path of ["uni_sse", "uni_http_stream"]) {
    const response = await fetch(`${gateway.httpUrl}/connection/${path}?cf_connect=nonsense`);
    expect(response.status).toBe(400);
  }
});

test("[UNI4] a client that only listens is pinged and owes no answer", async () => {
  await using gateway = await startGateway({ config: { heartbeat: { pingIntervalMs: 1000, pongTimeoutMs: 200 } } });
  await using stream = await TestStream.open(uniUrl(gateway.httpUrl, "uni_sse"));
  await stream.waitFor("three pings", () => stream.received.filter(isPing).length >= 3);
  expect(stream.isOver).toBe(false);
});

test("[UNI1] curl is a client", async () => {
  await using gateway = await startGateway();
  const { spawn } = await import("node:child_process");
  const curl = spawn("curl", ["-sN", uniUrl(gateway.httpUrl, "uni_sse", { subs: { room: {} } })]);
  let text = "";
  curl.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  while (!text.includes('"connect"')) await once(curl.stdout, "data");
  await callApi(gateway, "publish", { channel: "room", data: "hello" });
  while (!text.includes("hello")) await once(curl.stdout, "data");
  curl.kill();
  expect(text).toMatch(/^data: \{"push":\{"connect":.*\n\ndata: \{"push":\{"channel":"room".*"hello".*\n\n$/);
});
