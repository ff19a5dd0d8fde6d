import { eventually, startGateway, startRedis, TestClient, TestStream } from "@belay/testkit";
import { expect, test } from "vitest";

async function post(
  httpUrl: string,
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<number> {
  const response = await fetch(`${httpUrl}/emulation`, { method: "POST", body, headers });
  await response.arrayBuffer();
  return response.status;
}

/** A publish of so many bytes, full of what JSON text must escape. */
function publishOf(bytes: number): string {
  const start = '{"id":9,"publish":{"channel":"c","data":["';
  const left = bytes - start.length - 4;
  return `${start}${'","'.repeat(left / 3)}${"x".repeat(left % 3)}"]}}`;
}

test("[EMU1] a frame posted to any node acts at the stream's own, in the order of arrival there", async () => {
  await using redis = await startRedis();
  await using owner = await startGateway({ redisUrl: redis.url });
  await using other = await startGateway({ redisUrl: redis.url });
  await using stream = await TestStream.connect(owner.httpUrl, "sse");
  expect(stream.address.node).toBe(owner.podUid);
  await stream.call(other.httpUrl, { subscribe: { channel: "room" } });
  for (let n = 0; n < 40; n++) {
    const via = n % 2 === 0 ? other : owner;
    const frame = JSON.stringify({ id: 100 + n, publish: { channel: "room", data: n } });
    // The answer says that the owner has it: one after the other they are in order, whichever way they took.
    expect(await stream.post(via.httpUrl, frame)).toBe(204);
  }
  await stream.waitFor("the last publication", ({ push }) => push?.pub?.data === 39);
  const seen = stream.received.flatMap(({ push }) => (push?.pub === undefined ? [] : [push.pub.data]));
  expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => n));
});

test("[EMU2] a frame for a session that is gone, or a node that is gone, is never accepted", async () => {
  await using redis = await startRedis();
  await using owner = await startGateway({ redisUrl: redis.url });
  await using other = await startGateway({ redisUrl: redis.url });
  const stream = await TestStream.connect(owner.httpUrl, "http_stream");
  expect(await stream.post(other.httpUrl, "{}")).toBe(204);
  stream.close();
  await eventually("gone", 5000, async () => (await stream.post(owner.httpUrl, "{}")) === 404);
  expect(await stream.post(other.httpUrl, "{}")).toBe(404);

  const orphan = await TestStream.connect(owner.httpUrl, "http_stream");
  await owner.gateway.close();
  expect([404, 503]).toContain(await orphan.post(other.httpUrl, "{}"));
  await eventually("known to be gone", 10_000, async () => (await orphan.post(other.httpUrl, "{}")) === 404);
});

test("[EMU2] the session of a WebSocket takes no POST", async () => {
  await using gateway = await startGateway();
  await using client = await TestClient.connect(gateway.url);
  const { session, node } = client.received[0]?.connect ?? {};
  expect(await post(gateway.httpUrl, JSON.stringify({ session, node, data: "{}" }))).toBe(404);
});

test("[EMU2] while the broker is away only the owner itself accepts", async () => {
  const redis = await startRedis();
  await using owner = await startGateway({ redisUrl: redis.url });
  await using other = await startGateway({ redisUrl: redis.url });
  await using stream = await TestStream.connect(owner.httpUrl, "sse");
  await redis[Symbol.asyncDispose]();
  const startMs = performance.now();
  await eventually("refused", 5000, async () => (await stream.post(other.httpUrl, "{}")) === 503);
  expect(performance.now() - startMs).toBeLessThan(5000);
  expect(await stream.post(owner.httpUrl, "{}")).toBe(204);
});

test.each([
  ["no JSON", "nonsense"],
  ["no object", "[]"],
  ["nothing", ""],
  ["no session", '{"node":"n","data":"{}"}'],
  ["no data", '{"node":"n","session":"s"}'],
  ["data that is an object", '{"node":"n","session":"s","data":{}}'],
  ["every node", '{"node":"all","session":"s","data":"{}"}'],
  ["a pattern for a node", '{"node":"*","session":"s","data":"{}"}'],
  ["a channel for a node", '{"node":"n:}x{","session":"s","data":"{}"}'],
  ["a line break in a node", '{"node":"n\\r\\nPUBLISH","session":"s","data":"{}"}'],
])("[EMU3] a body with %s gets 400", async (_, body) => {
  await using gateway = await startGateway();
  expect(await post(gateway.httpUrl, body)).toBe(400);
  expect(await post(gateway.httpUrl, Buffer.from(body), { "Content-Type": "application/octet-stream" })).toBe(400);
});

test("[EMU4] a frame over the limit gets 413 and costs the session nothing; frames up to it pass, whatever escaping makes of them", async () => {
  await using gateway = await startGateway({ config: { limits: { maxMessageBytes: 4096 } } });
  await using stream = await TestStream.connect(gateway.httpUrl, "sse");
  expect(publishOf(4096)).toHaveLength(4096);
  expect(await stream.post(gateway.httpUrl, publishOf(4096))).toBe(204);
  await stream.waitFor("reply", ({ id }) => id === 9);
  expect(await stream.post(gateway.httpUrl, publishOf(4097))).toBe(413);
  expect(await stream.post(gateway.httpUrl, "x".repeat(100_000))).toBe(413);
  await stream.call(gateway.httpUrl, { ping: {} });
});

test("[EMU5] a malformed frame in a well-formed body is the client's end, as on a WebSocket", async () => {
  await using gateway = await startGateway();
  await using stream = await TestStream.connect(gateway.httpUrl, "sse");
  expect(await stream.post(gateway.httpUrl, "nonsense")).toBe(204);
  await stream.ended;
  expect(stream.received.at(-1)).toMatchObject({ push: { disconnect: { code: 3501 } } });
});

test("[EMU6] sessions cannot be guessed, and metrics tell how POSTs ended", async () => {
  await using gateway = await startGateway();
  const streams = await Promise.all(Array.from({ length: 20 }, () => TestStream.connect(gateway.httpUrl, "sse")));
  const sessions = streams.map(({ address }) => address.session);
  expect(new Set(sessions).size).toBe(20);
  for (const session of sessions) expect(session).toMatch(/^[-\w]{22,}$/);
  await streams[0]?.post(gateway.httpUrl, "{}");
  await post(gateway.httpUrl, "nonsense");
  const metrics = await (await fetch(`${gateway.httpUrl}/metrics`)).text();
  expect(metrics).toContain('belay_gateway_emulation_requests_total{result="accepted"} 1\n');
  expect(metrics).toContain('belay_gateway_emulation_requests_total{result="malformed"} 1\n');
  for (const stream of streams) stream.close();
});

test("[LIM19] an address that posts too often gets 429 before its body is looked at, and is heard again later", async () => {
  const limits = { emulationRequestsPerSecond: 2, emulationBurst: 3 };
  await using gateway = await startGateway({ config: { limits } });
  const send = (): Promise<Response> => fetch(`${gateway.httpUrl}/emulation`, { method: "POST", body: "no request" });
  const answers = [await send(), await send(), await send(), await send(), await send(), await send(), await send()];
  const statuses = answers.map(({ status }) => status);
  expect(statuses.slice(0, 3)).toEqual([400, 400, 400]);
  expect(statuses).toContain(429);
  expect(answers.find(({ status }) => status === 429)?.headers.get("retry-after")).toBe("1");
  await eventually("heard again", 5_000, async () => (await send()).status === 400);
});
