import {
  callApi,
  eventually,
  exchange,
  type RunningGateway,
  startGateway,
  TestClient,
  TestStream,
} from "@belay/testkit";
import { expect, test } from "vitest";

const CONNECT = JSON.stringify({ id: 1, connect: {} });
const SSE_URL = `/connection/sse?cf_connect=${encodeURIComponent(CONNECT)}`;

test.each(["sse", "http_stream"] as const)(
  "[STR1] %s carries a whole session, with what the client says in POSTs",
  async (transport) => {
    await using gateway = await startGateway();
    await using stream = await TestStream.connect(gateway.httpUrl, transport);
    expect(stream.status).toBe(200);
    expect(await stream.call(gateway.httpUrl, { subscribe: { channel: "room" } })).toHaveProperty("subscribe");
    await stream.call(gateway.httpUrl, { publish: { channel: "room", data: { n: 1 } } });
    const push = await stream.waitFor("publication", (message) => message.push?.channel === "room");
    expect(push.push?.pub?.data).toEqual({ n: 1 });
  },
);

test("[STR2] one reply an event, and one a line", async () => {
  await using gateway = await startGateway();
  const commands = [CONNECT, '{"id":2,"ping":{}}', '{"id":3,"ping":{}}'].join("\n");
  const url = `${gateway.httpUrl}/connection/sse?cf_connect=${encodeURIComponent(commands)}`;
  await using sse = await TestStream.open(url);
  await sse.waitFor("the last reply", ({ id }) => id === 3);
  expect(sse.text).toMatch(/^data: \{"id":1,.*\}\n\ndata: \{"id":2,.*\}\n\ndata: \{"id":3,.*\}\n\n$/);
  await using lines = await TestStream.open(`${gateway.httpUrl}/connection/http_stream`, {
    method: "POST",
    body: commands,
  });
  await lines.waitFor("the last reply", ({ id }) => id === 3);
  expect(lines.text).toMatch(/^\{"id":1,.*\}\n\{"id":2,.*\}\n\{"id":3,.*\}\n$/);
});

test("[STR3] nothing on the way may hold a stream back, keep it or change it", async () => {
  await using gateway = await startGateway();
  await using sse = await TestStream.open(gateway.httpUrl + SSE_URL);
  expect(sse.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": expect.stringMatching(/no-store.*no-transform/) as unknown,
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
    vary: "Origin",
  });
  await using lines = await TestStream.open(`${gateway.httpUrl}/connection/http_stream`, {
    method: "POST",
    body: CONNECT,
  });
  expect(lines.headers["content-type"]).toBe("application/x-ndjson; charset=utf-8");
  const head = await fetch(gateway.httpUrl + SSE_URL, { method: "HEAD" });
  expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
    200,
    "text/event-stream; charset=utf-8",
    "",
  ]);
});

test("[STR4] a close is a disconnect push and the response's end", async () => {
  await using gateway = await startGateway({ config: { auth: { anonymous: false } } });
  const { SignJWT } = await import("jose");
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("anna")
    .sign(Buffer.from(gateway.hmacSecret));
  for (const transport of ["sse", "http_stream"] as const) {
    await using stream = await TestStream.connect(gateway.httpUrl, transport, token);
    await callApi(gateway, "disconnect", { user: "anna" });
    await stream.ended;
    expect(stream.received.at(-1)).toMatchObject({ push: { disconnect: { code: 3503, reason: "force disconnect" } } });
  }
});

test("[STR4] a client that answers no ping is closed, one that posts its pong is not", async () => {
  const config = { heartbeat: { pingIntervalMs: 1000, pongTimeoutMs: 300 } };
  await using gateway = await startGateway({ config });
  await using silent = await TestStream.connect(gateway.httpUrl, "sse");
  await using alive = await TestStream.connect(gateway.httpUrl, "http_stream");
  let pings = 0;
  while (!silent.isOver || pings < 2) {
    await alive.waitFor(
      "ping",
      () => alive.received.filter((message) => Object.keys(message).length === 0).length > pings,
    );
    pings += 1;
    expect(await alive.post(gateway.httpUrl, "{}")).toBe(204);
  }
  expect(silent.received.at(-1)).toMatchObject({ push: { disconnect: { code: 3012 } } });
  expect(alive.isOver).toBe(false);
});

test.each([
  ["GET", "/connection/sse", undefined, 400],
  ["GET", "/connection/sse?cf_protocol=protobuf", undefined, 400],
  ["POST", "/connection/http_stream", "", 400],
  ["POST", "/connection/http_stream?format=xml", CONNECT, 400],
  ["POST", "/connection/http_stream", "x".repeat(70_000), 413],
  ["POST", "/connection/sse", "x".repeat(70_000), 413],
  ["PUT", "/connection/sse", "", 405],
  ["GET", "/connection/http_stream", undefined, 405],
  ["POST", "/connection/xhr", CONNECT, 404],
] as const)("[STR5] %s %s is refused before anything is opened (%#)", async (method, path, body, status) => {
  await using gateway = await startGateway();
  const response = await fetch(gateway.httpUrl + path, { method, ...(body !== undefined && { body }) });
  expect(response.status).toBe(status);
  expect(await metricsOf(gateway)).toMatch(/belay_gateway_connections 0\n/);
});

test("[STR4] [DRN2] a drain closes streams with 3001, and neither them nor new ones keep a connection to this pod", async () => {
  await using gateway = await startGateway({ config: { drain: { ratePerSecond: 1000, deadlineSeconds: 2 } } });
  await using stream = await TestStream.connect(gateway.httpUrl, "sse");
  expect(stream.headers.connection).toBe("close");
  const drained = gateway.gateway.drain();
  await stream.ended;
  expect(stream.received.at(-1)).toMatchObject({ push: { disconnect: { code: 3001, reconnect: true } } });
  await drained;
  await using late = await TestStream.open(gateway.httpUrl + SSE_URL);
  await late.ended;
  expect(late.received).toMatchObject([{ push: { disconnect: { code: 3001 } } }]);
});

test("[STR5] a connect command that is none is answered by a disconnect push", async () => {
  await using gateway = await startGateway();
  for (const body of ["nonsense", '{"id":1,"rpc":{"method":"m"}}', "{}"]) {
    await using stream = await TestStream.open(`${gateway.httpUrl}/connection/http_stream`, { method: "POST", body });
    await stream.ended;
    expect(stream.received).toMatchObject([{ push: { disconnect: { code: 3501, reason: "bad request" } } }]);
  }
});

test("[STR6] a reader that stops reading is closed slow, and others lose nothing", async () => {
  await using gateway = await startGateway({ config: { limits: { maxOutboundBytes: 524_288 } } });
  await using slow = await TestStream.connect(gateway.httpUrl, "http_stream");
  await using quick = await TestStream.connect(gateway.httpUrl, "sse");
  for (const stream of [slow, quick]) await stream.call(gateway.httpUrl, { subscribe: { channel: "room" } });
  slow.pause();
  const data = "x".repeat(16_000);
  let published = 0;
  // The kernel swallows megabytes before anything waits here.
  while (/code="3008"\} 1\n/.exec(await metricsOf(gateway)) === null && published < 2000) {
    await Promise.all(Array.from({ length: 8 }, () => callApi(gateway, "publish", { channel: "room", data })));
    published += 8;
  }
  expect(published).toBeLessThan(2000);
  await quick.waitFor(
    "every publication",
    () => quick.received.filter(({ push }) => push?.channel === "room").length === published,
  );
  await eventually("the slow one gone", 8000, async () =>
    /belay_gateway_connections 1\n/.test(await metricsOf(gateway)),
  );
});

test("[STR7] a stream whose client goes away is gone here", async () => {
  await using gateway = await startGateway();
  const stream = await TestStream.connect(gateway.httpUrl, "sse");
  expect(await metricsOf(gateway)).toMatch(/belay_gateway_transport_connections\{transport="sse"\} 1\n/);
  stream.close();
  await eventually("gone", 5000, async () => /belay_gateway_connections 0\n/.test(await metricsOf(gateway)));
  expect(await stream.post(gateway.httpUrl, "{}")).toBe(404);
});

test("[STR1] streams and WebSockets are in the same channels", async () => {
  await using gateway = await startGateway();
  await using stream = await TestStream.connect(gateway.httpUrl, "http_stream");
  await using socket = await TestClient.connect(gateway.url);
  await stream.call(gateway.httpUrl, { subscribe: { channel: "room" } });
  await socket.call({ publish: { channel: "room", data: "hi" } });
  expect((await stream.waitFor("publication", ({ push }) => push?.channel === "room")).push?.pub?.data).toBe("hi");
});

test("[STR5] pipelined garbage behind a stream request costs only that connection", async () => {
  await using gateway = await startGateway();
  const port = Number(new URL(gateway.httpUrl).port);
  const bytes = `GET ${SSE_URL} HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n`;
  await exchange(port, bytes);
  expect((await fetch(`${gateway.httpUrl}/healthz`)).status).toBe(200);
});

async function metricsOf(gateway: RunningGateway): Promise<string> {
  return (await fetch(`${gateway.httpUrl}/metrics`)).text();
}
