import { once } from "node:events";
import { connect } from "node:net";
import { callApi, callControl, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** Sends bytes on a fresh TCP connection and reads until the server closes it. */
async function raw(text: string, end = false): Promise<string> {
  const socket = connect(Number(new URL(gateway.httpUrl).port), "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => undefined);
  await once(socket, "connect");
  if (end) socket.end(text);
  else socket.write(text);
  await once(socket, "close");
  return Buffer.concat(chunks).toString();
}

const upgrade = (changes: Record<string, string> = {}, path = "/connection/websocket", method = "GET"): string => {
  const headers = {
    Host: "x",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...changes,
  };
  return `${method} ${path} HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;
};

test.each([
  ["[HS3] another path", upgrade({}, "/connection/other"), 404],
  ["[HS3] another method", upgrade({}, "/connection/websocket", "POST"), 405],
  ["[HS3] another protocol", upgrade({ Upgrade: "h2c" }), 400],
  ["[HS3] a short key", upgrade({ "Sec-WebSocket-Key": "abc" }), 400],
  ["[HS3] another version", upgrade({ "Sec-WebSocket-Version": "8" }), 426],
  ["[HS2] a form that there is not", upgrade({}, "/connection/websocket?format=xml"), 400],
  ["[HS2] Protobuf for a client that only listens", upgrade({}, "/connection/uni_websocket?format=protobuf"), 400],
  ["[HS6] something else than HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400],
  ["[HS6] a header over 16 KiB", `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(20_000)}\r\n\r\n`, 431],
  ["[HS6] two lengths", "POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400],
  [
    "[HS6] a length and chunks",
    "POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    400,
  ],
])("%s is refused and the socket closed", async (_title, request, status) => {
  expect(await raw(request)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test("[HS1] any query of strangers is accepted", async () => {
  await using json = await TestClient.open(`${gateway.url}?cf_x=1`, {});
  expect(json.socket.protocol).toBe("");
});

test.each([
  ["chat, centrifuge-json", "", "centrifuge-json"],
  ["centrifuge-protobuf", "", "centrifuge-protobuf"],
  ["centrifuge-json, centrifuge-protobuf", "", "centrifuge-json"],
  ["centrifuge-json, centrifuge-protobuf", "?cf_protocol=protobuf", "centrifuge-protobuf"],
  ["centrifuge-json", "?format=protobuf", undefined],
  ["chat", "", undefined],
])("[HS2] of the offer %j with the query %j, %j is selected", async (offer, query, selected) => {
  const request = upgrade({ "Sec-WebSocket-Protocol": offer }, `/connection/websocket${query}`);
  const answer = await raw(`${request}\x88\x80\0\0\0\0`);
  expect(/Sec-WebSocket-Protocol: (.*)\r/.exec(answer)?.[1]).toBe(selected);
});

test("[HS4] a plain request to the WebSocket path gets 426", async () => {
  const response = await fetch(`${gateway.httpUrl}/connection/websocket`);
  expect([response.status, response.headers.get("upgrade")]).toEqual([426, "websocket"]);
});

const api = (path: string, init: RequestInit) =>
  fetch(`${gateway.httpUrl}${path}`, { method: "POST", body: "{}", ...init });

test.each([
  ["no key", {}],
  ["a wrong key", { "X-API-Key": "test-api-kez" }],
  ["a prefix of the key", { "X-API-Key": "test-api-ke" }],
  ["another scheme", { Authorization: "Bearer test-api-key" }],
])("[API1] %s gets 401", async (_title, headers) => {
  expect((await api("/api/info", { headers })).status).toBe(401);
});

test("[API1] both forms of the key are accepted", async () => {
  for (const headers of [{ "X-API-Key": gateway.apiKey }, { Authorization: `apikey ${gateway.apiKey}` }]) {
    expect((await api("/api/info", { headers })).status).toBe(200);
  }
});

test("[API1] without a configured key every request gets 401", async () => {
  await using closed = await startGateway({ config: { api: { keyFile: undefined } as never } });
  const response = await fetch(`${closed.httpUrl}/api/info`, {
    method: "POST",
    headers: { "X-API-Key": "" },
    body: "{}",
  });
  expect(response.status).toBe(401);
});

test("[API2] info tells the node and its counts", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "info" } });
  expect(await callApi(gateway, "info", {})).toMatchObject({
    result: { nodes: [{ uid: gateway.podUid, version: "0.1.0", num_clients: 1, num_users: 1, num_channels: 1 }] },
  });
});

test("[API2] broadcast publishes to every channel and answers for each", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "b1" } });
  await client.call({ subscribe: { channel: "b2" } });
  expect(await callApi(gateway, "broadcast", { channels: ["b1", "", "b2"], data: [1] })).toMatchObject({
    result: {
      responses: [{ result: { offset: 1 } }, { error: { code: 107 } }, { result: { offset: 1 } }],
    },
  });
  expect([await client.waitForPayloads("b1", 1), await client.waitForPayloads("b2", 1)]).toEqual([[[1]], [[1]]]);
});

test.each([
  ["[API3] an unknown method", "dance", "{}", 404],
  ["[API3] no JSON", "publish", "{", 400],
  ["[API3] a list", "publish", "[]", 400],
  ["[API3] too deep a body", "publish", `{"channel":"a","data":${"[".repeat(64)}${"]".repeat(64)}}`, 400],
  ["[API3] too large a body", "publish", `{"channel":"a","data":"${"x".repeat(65_536)}"}`, 413],
])("%s gets its status", async (_title, method, body, status) => {
  const response = await api(`/api/${method}`, { headers: { "X-API-Key": gateway.apiKey }, body });
  expect(response.status).toBe(status);
});

test("[API3] a body that is no UTF-8 gets 400, another HTTP method 405", async () => {
  const headers = { "X-API-Key": gateway.apiKey };
  expect((await api("/api/publish", { headers, body: Buffer.from([0x7b, 0xff, 0x7d]) })).status).toBe(400);
  expect((await fetch(`${gateway.httpUrl}/api/publish`, { headers })).status).toBe(405);
});

test.each([
  ["publish", { channel: 1, data: 1 }, "channel must be a string, was: 1"],
  ["publish", { channel: "a" }, "data must be there"],
  ["broadcast", { channels: "a", data: 1 }, 'channels must be a list of strings, was: "a"'],
  ["disconnect", {}, "user must be a string, was: absent"],
  [
    "disconnect",
    { user: "a", disconnect: { code: 1000 } },
    "disconnect.code must be an integer from 3000 to 4999, was: 1000",
  ],
  [
    "disconnect",
    { user: "a", disconnect: { reason: '{"reconnect":true}' } },
    String.raw`disconnect.reason must be plain words of at most 30 characters, was: "{\"reconnect\":true}"`,
  ],
])("[API3] [CLS2] %s %j gets error 107", async (method, body, message) => {
  expect(await callApi(gateway, method, body)).toEqual({ error: { code: 107, message } });
});

function publishRequest(n: number, last: boolean): string {
  const body = JSON.stringify({ channel: n % 3 === 0 ? "" : "a", data: n });
  return `POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: ${gateway.apiKey}\r\nContent-Length: ${body.length}\r\n${last ? "Connection: close\r\n" : ""}\r\n${body}`;
}

test("[API6] pipelined requests are answered in order", async () => {
  const text = await raw(Array.from({ length: 50 }, (_, n) => publishRequest(n, n === 49)).join(""));
  const outcomes = [...text.matchAll(/\{"(result|error)"/g)].map(([, outcome]) => outcome);
  expect(outcomes).toEqual(Array.from({ length: 50 }, (_, n) => (n % 3 === 0 ? "error" : "result")));
});

test("/healthz, /readyz and /metrics answer on both ports without a token, /load and /drain only with it", async () => {
  for (const url of [gateway.httpUrl, gateway.controlUrl]) {
    for (const path of ["/healthz", "/readyz", "/metrics"]) expect((await fetch(`${url}${path}`)).status).toBe(200);
  }
  for (const path of ["/load", "/drain"]) {
    expect((await fetch(`${gateway.controlUrl}${path}`)).status).toBe(401);
    expect((await fetch(`${gateway.httpUrl}${path}`)).status).toBe(404);
    expect((await callControl(gateway, path)).status).toBe(200);
  }
  expect(await (await fetch(`${gateway.httpUrl}/metrics`)).text()).toContain("belay_gateway_connections 0");
});
