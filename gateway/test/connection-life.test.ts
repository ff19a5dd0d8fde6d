import {
  callApi,
  clientFrame,
  eventually,
  type RunningGateway,
  rawTalk,
  startGateway,
  TestClient,
} from "@belay/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      heartbeat: { pingIntervalMs: 1000, pongTimeoutMs: 300 },
      limits: { maxOutboundBytes: 262_144, maxMessageBytes: 65_536 },
    },
  });
});
afterAll(() => gateway[Symbol.asyncDispose]());

const portOf = ({ httpUrl }: RunningGateway): number => Number(new URL(httpUrl).port);

test("[HB1] pings come at the interval and a client that answers stays", async () => {
  await using client = await TestClient.connect(gateway.url);
  await eventually("three pings", 5000, () => client.pings >= 3);
  expect((await client.call({ ping: {} })).error).toBeUndefined();
});

test("[HB2] a client that answers no ping is closed with 3012", async () => {
  await using client = await TestClient.connect(gateway.url);
  client.answersPings = false;
  expect(await client.closed).toEqual({ code: 3012, reason: "no pong" });
  expect(client.pings).toBe(1);
});

test("[HB2] any frame counts as an answer; [HB3] pongs nobody asked for are ignored", async () => {
  await using client = await TestClient.connect(gateway.url);
  client.answersPings = false;
  let sent = 0;
  const sending = setInterval(() => client.send(sent++ % 2 === 0 ? "{}" : '{"send":{}}'), 100);
  try {
    await eventually("three pings", 5000, () => client.pings >= 3);
  } finally {
    clearInterval(sending);
  }
  expect(client.received).toHaveLength(1);
});

test("[FRM1] a binary frame closes with 3501", async () => {
  const { closeCode } = await rawTalk(portOf(gateway), [clientFrame('{"id":1,"connect":{}}', { first: 0x82 })]);
  expect(closeCode).toBe(3501);
});

test("[LIM1] a frame over the limit closes with 1009", async () => {
  await using client = await TestClient.connect(gateway.url);
  client.send("x".repeat(65_537));
  expect((await client.closed).code).toBe(1009);
});

test("[LIM7] a client that does not read is closed as slow, the others get everything", async () => {
  // Without heartbeats in the way: a client that reads nothing answers no ping either.
  await using patient = await startGateway({ config: { limits: { maxOutboundBytes: 262_144 } } });
  await using slow = await TestClient.connect(patient.url);
  await using fast = await TestClient.connect(patient.url);
  await slow.call({ subscribe: { channel: "big" } });
  await fast.call({ subscribe: { channel: "big" } });
  slow.socket.pause();
  const payload = "x".repeat(50_000);
  let published = 0;
  await eventually("closed as slow", 20_000, async () => {
    await callApi(patient, "publish", { channel: "big", data: payload });
    published += 1;
    const metrics = await (await fetch(`${patient.httpUrl}/metrics`)).text();
    return metrics.includes('belay_gateway_closes_total{code="3008"} 1');
  });
  await fast.waitForPayloads("big", published);
  expect(fast.payloads("big")).toHaveLength(published);
  slow.socket.resume();
  expect([3008, 1006]).toContain((await slow.closed).code);
});

test("[LIM8] a client that sends commands without end is not read from while too many are under way", async () => {
  await using client = await TestClient.connect(gateway.url);
  const commands = Array.from({ length: 1000 }, (_, n) =>
    JSON.stringify({ id: n + 10, publish: { channel: "flood", data: n } }),
  );
  for (let first = 0; first < 1000; first += 100) client.send(commands.slice(first, first + 100).join("\n"));
  await client.waitFor("all answered", () => client.received.length >= 1001, 10_000);
  expect(client.received.slice(1).map(({ id }) => id)).toEqual(commands.map((_, n) => n + 10));
});

test("[ORD3] under a stream of publications the reply to subscribe always comes before the first push", async () => {
  const stop = new AbortController();
  const publishing = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) await callApi(gateway, "publish", { channel: "ord3", data: n });
  })();
  for (let round = 0; round < 30; round++) {
    await using client = await TestClient.connect(gateway.url);
    const reply = await client.call({ subscribe: { channel: "ord3" } });
    await client.waitForPayloads("ord3", 3);
    expect(client.received.indexOf(reply)).toBe(1);
    const seen = client.payloads("ord3") as number[];
    expect(seen).toEqual(seen.map((_, index) => (seen[0] ?? 0) + index));
  }
  stop.abort();
  await publishing;
});

test("[ORD4] no frame holds more than 16 replies, and under load they are joined", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "ord4" } });
  const commands = Array.from({ length: 500 }, (_, n) =>
    JSON.stringify({ id: n + 10, publish: { channel: "ord4", data: n } }),
  );
  client.send(commands.join("\n"));
  await client.waitForPayloads("ord4", 500);
  const sizes = client.frames.map((frame) => frame.split("\n").length);
  expect(Math.max(...sizes)).toBe(16);
});

test("[ORD6] after quiet a publication is delivered at once", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "ord6" } });
  const delays: number[] = [];
  for (let round = 1; round <= 10; round++) {
    const startMs = performance.now();
    await client.call({ publish: { channel: "ord6", data: round } });
    await client.waitForPayloads("ord6", round);
    delays.push(performance.now() - startMs);
  }
  expect(delays.toSorted((a, b) => a - b)[5]).toBeLessThan(20);
});
