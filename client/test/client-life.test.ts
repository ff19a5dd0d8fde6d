import { expect, expectTypeOf, test } from "vitest";
import { Client } from "../src/client.ts";
import { createClient } from "../src/create-client.ts";
import type { TraceEvent } from "../src/trace.ts";
import { ClientSubject, connected, KEPT, nameOf, UNKEPT } from "./client-subject.ts";
import { plainCodec } from "./memory-network.ts";

/** On demand: BELAY_CLIENT_RECONNECTS=100000 NODE_OPTIONS=--expose-gc npx vitest run --project integration client/test/client-life.test.ts */
const reconnects = Number(process.env["BELAY_CLIENT_RECONNECTS"] ?? 2000);

test("[SDK19] a server that has been silent for longer than its pings allow is given up, and one that pings is not", async () => {
  const subject = await connected();
  await subject.goOn(100);
  expect(subject.network.opened).toBe(1);
  subject.network.sockets[0]?.block();
  await subject.goOn(60);
  expect(subject.network.opened).toBe(2);
  expect(subject.client.state.name).toBe("connected");
});

test("[SDK19] a machine that slept finds the loss by its clock, at the first timer that runs", async () => {
  const subject = await connected();
  subject.network.sockets[0]?.block();
  subject.time.sleep(3_600_000);
  await subject.time.advance(0);
  expect(subject.client.state.name).toBe("reconnecting");
});

test("[SDK17] a network that is back, and a page that is seen again, probe the connection and end a wait", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const environment = Object.assign(new EventTarget(), { document });
  const subject = await connected({ environment });
  environment.dispatchEvent(new Event("online"));
  await subject.goOn(6);
  expect(subject.network.opened).toBe(1);
  subject.network.sockets[0]?.block();
  document.dispatchEvent(new Event("visibilitychange"));
  await subject.time.advance(5001);
  expect(subject.client.state.name).toBe("reconnecting");
  subject.network.isDown = true;
  for (let tries = 0; tries < 10; tries += 1) {
    await subject.time.advance(30_000);
    await subject.flow();
  }
  subject.network.isDown = false;
  const { opened } = subject.network;
  expect(subject.client.state).toMatchObject({ name: "reconnecting", phase: "waiting" });
  environment.dispatchEvent(new Event("online"));
  await subject.flow();
  expect(subject.network.opened).toBe(opened + 1);
  expect(subject.client.state.name).toBe("connected");
});

test("[SDK11] a server that has no room says over how long its clients shall come back", async () => {
  const subject = new ClientSubject({ random: () => 0.5 });
  subject.server.faults.refuseConnect = true;
  subject.server.windowMs = 20_000;
  subject.client.connect();
  await subject.flow();
  await subject.time.advance(9999);
  expect(subject.network.opened).toBe(1);
  await subject.time.advance(1);
  await subject.flow();
  expect(subject.client.state.name).toBe("connected");
});

test("[SDK43] where no keys are granted a publish without an answer is not repeated: its outcome is unknown", async () => {
  const subject = new ClientSubject();
  subject.server.grantsKeys = false;
  subject.client.connect();
  await subject.flow();
  const published = subject.client.publish(KEPT, "once");
  const outcome = nameOf(published);
  subject.network.sockets[0]?.cut();
  await subject.goOn(5);
  expect(await outcome).toBe("OutcomeUnknownError");
  expect(subject.client.state.name).toBe("connected");
  expect(subject.channels.get(KEPT)?.log).toEqual([]);
});

test("[SDK43] where keys are granted it is repeated until it is acknowledged, and is there once", async () => {
  const subject = new ClientSubject();
  subject.client.connect();
  await subject.flow();
  const published = subject.client.publish(KEPT, "once");
  // The server has it; its answer is lost.
  subject.network.sockets[0]?.flushToServer();
  subject.network.sockets[0]?.cut();
  await subject.goOn(5);
  await published;
  expect(subject.channels.get(KEPT)?.count("once")).toBe(1);
});

test("[SDK40] [SDK44] publishes wait for a connection as their policy says", async () => {
  const subject = new ClientSubject({ queue: { maxCount: 2, maxAgeMs: 5000 } });
  const { client } = subject;
  await expect(client.publish(KEPT, 1, { whenOffline: "reject" })).rejects.toMatchObject({ name: "NotConnectedError" });
  const replaced = nameOf(client.publish(KEPT, 2));
  const latest = client.publish(KEPT, 3, { whenOffline: "latest" });
  expect(await replaced).toBe("QueueFullError");
  const short = nameOf(client.publish(UNKEPT, 4, { maxAgeMs: 1000 }));
  await expect(client.publish(UNKEPT, 5)).rejects.toMatchObject({ name: "QueueFullError" });
  expect(client.queue.count).toBe(2);
  await subject.time.advance(1000);
  expect(await short).toBe("QueueExpiredError");
  client.connect();
  await subject.flow();
  await latest;
  expect(subject.channels.get(KEPT)?.log.map(({ data }) => data)).toEqual([3]);
});

test("[SDK40] [SDK42] [SDK44] publishes that wait behind others on a connection are bounded as without one", async () => {
  const subject = new ClientSubject({ queue: { maxCount: 2, maxAgeMs: 5000 }, requestTimeoutMs: 60_000 });
  const { client, server } = subject;
  client.connect();
  await subject.flow();
  // As many as may be under way at once.
  for (let count = 0; count < 16; count += 1) subject.publish(UNKEPT);
  const replaced = nameOf(client.publish(KEPT, 1, { whenOffline: "reject" }));
  const latest = client.publish(KEPT, 2, { whenOffline: "latest" });
  expect(await replaced).toBe("QueueFullError");
  const short = client.publish(KEPT, 3, { maxAgeMs: 1000 }).catch(String);
  await expect(client.publish(KEPT, 4)).rejects.toMatchObject({ name: "QueueFullError" });
  expect(client.queue.count).toBe(2);
  await subject.time.advance(1000);
  expect(await short).toBe("QueueExpiredError: not sent in time");
  await subject.flow();
  await latest;
  expect(client.state.name).toBe("connected");
  expect(server.channels.get(KEPT)?.log.map(({ data }) => data)).toEqual([2]);
  expect(subject.acknowledged.size).toBe(16);
});

test("[SDK50] the trace tells states, frames and times, and inspect what there is", async () => {
  const traced: TraceEvent[] = [];
  const subject = await connected({ trace: (event) => traced.push(event) });
  subject.server.goaway(0, 1000);
  await subject.goOn(2);
  const kinds = traced.map((event) => (event.type === "migration" ? event.phase : event.type));
  const told = ["state", "open", "frame", "established"];
  const phases = ["waiting", "opening", "barrier", "committing", "draining", "idle"];
  expect(new Set(kinds)).toEqual(new Set([...told, ...phases]));
  expect(traced.every(({ atMs }, index) => atMs >= (traced[index - 1]?.atMs ?? 0))).toBe(true);
  expect(subject.client.inspect()).toMatchObject({
    state: { name: "connected" },
    node: "node",
    connection: { transport: "memory", pending: 0 },
    channels: [
      { channel: KEPT, state: "subscribed", position: { offset: 0 } },
      { channel: UNKEPT, state: "subscribed" },
    ],
  });
});

test("[SDK51] channels are typed by a map of names", () => {
  interface Chat {
    readonly text: string;
  }
  const client = createClient<{ "chat:*": Chat; news: number }>({ endpoint: "https://example.com" });
  client.channel("chat:1").on("publication", ({ data }) => expectTypeOf(data).toEqualTypeOf<Chat>());
  client.channel("news").on("publication", ({ data }) => expectTypeOf(data).toEqualTypeOf<number>());
  // @ts-expect-error no pattern fits
  client.channel("other");
  const untyped = new Client({ endpoint: "", transports: [], codec: plainCodec });
  untyped.channel("any").on("publication", ({ data }) => expectTypeOf(data).toEqualTypeOf<unknown>());
  expect(client.channel("news")).toBe(client.channel("news"));
});

test("[SDK4] however often it comes back, a client keeps nothing of the connections before", async () => {
  const subject = await connected();
  const counts: number[] = [];
  const heap: number[] = [];
  for (let times = 0; times < reconnects; times += 1) {
    for (const socket of subject.network.sockets) socket.cut();
    subject.rpc();
    if (times % 100 === 0) subject.publish(KEPT);
    await subject.flow();
    while (subject.client.state.name !== "connected") {
      await subject.time.advance(1000);
      await subject.flow();
    }
    if (times % Math.floor(reconnects / 10) !== 0) continue;
    counts.push(subject.time.timers);
    globalThis.gc?.();
    heap.push(process.memoryUsage().heapUsed);
  }
  expect(Math.max(...counts.slice(1))).toBeLessThanOrEqual((counts[0] ?? 0) + 1);
  if (globalThis.gc === undefined) return;
  console.log(heap.map((bytes) => (bytes / 1_000_000).toFixed(1)).join(" MB, "));
  expect(heap.at(-1)).toBeLessThan((heap[1] ?? 0) * 1.1);
}, 600_000);

test("[SDK25] a resume tells where the client's own subscriptions stood, so that the server delivers what was missed", async () => {
  const said: unknown[] = [];
  const trace = (event: TraceEvent): void => {
    if (event.type === "frame" && event.direction === "out") said.push(...(event.frame as unknown as unknown[]));
  };
  const subject = await connected({ trace });
  subject.server.publish("shown");
  await subject.flow();
  const connects = said.length;
  subject.network.sockets[0]?.cut();
  await subject.flow();
  subject.server.publish("missed");
  await subject.goOn(5);
  const stood = { epoch: "epoch", offset: 1 };
  const positions = new Map([KEPT, UNKEPT].map((name) => [name, stood]));
  expect(said.slice(connects)).toMatchObject([{ kind: "connect", belay: { handover: { positions } } }, {}]);
  // What has no history is asked for in vain; everything else is delivered.
  expect(said.at(-1)).toMatchObject({ kind: "history", channel: UNKEPT });
  expect(subject.seen.get(KEPT)).toEqual(["begins", { offset: 1 }, { offset: 2 }]);
});

test("[SDK22] a hole is not given up because the connection on which it is to be filled is dead", async () => {
  const subject = await connected();
  subject.server.faults.hasMissedTooMuch = true;
  subject.network.sockets[0]?.cut();
  await subject.flow();
  subject.server.publish("missed");
  subject.server.faults.refuseCommand = true;
  while (subject.server.faults.refuseCommand) await subject.goOn(1);
  // It answered with an error that is temporary, and with nothing from then on.
  subject.network.sockets.at(-1)?.block();
  await subject.goOn(120);
  expect(subject.client.state.name).toBe("connected");
  expect(subject.seen.get(KEPT)).toEqual(["begins", { offset: 1 }]);
});

test("[SDK20] behind one hole that is filled another that is too large is told after what comes before it", async () => {
  const subject = await connected();
  const kept = subject.channels.get(KEPT);
  const newest = 6000;
  for (let count = 0; count < newest; count += 1) kept?.publish(count);
  const push = { type: "push", kind: "publication", channel: KEPT } as const;
  for (const offset of [5, newest])
    subject.server.live[0]?.socket.send([{ ...push, publication: { data: offset, offset } }]);
  await subject.flow();
  const reset = { reason: "gap", from: { epoch: "epoch", offset: 5 }, to: { epoch: "epoch", offset: newest - 1 } };
  const first = [1, 2, 3, 4, 5].map((offset) => ({ offset }));
  expect(subject.seen.get(KEPT)).toEqual(["begins", ...first, { reset }, { offset: newest }]);
});

test("[SDK24] a filtered subscription that a resume cannot give everything to is told so", async () => {
  const subject = new ClientSubject();
  subject.client.removeChannel(UNKEPT);
  const filtered = subject.client.channel(UNKEPT, { tagsFilter: { key: "a", cmp: "ex" } });
  const seen: unknown[] = [];
  filtered.on("publication", ({ offset }) => seen.push(offset));
  filtered.on("reset", (reset) => seen.push(reset));
  filtered.subscribe();
  subject.client.connect();
  await subject.flow();
  subject.server.publish("shown");
  await subject.flow();
  subject.network.sockets[0]?.cut();
  await subject.flow();
  subject.server.publish("missed");
  await subject.goOn(5);
  expect(seen).toEqual([1, { reason: "gap", from: { epoch: "epoch", offset: 1 }, to: { epoch: "epoch", offset: 2 } }]);
});

test("[SDK45] a long queue leaves without being refused so often that the server has enough of it", async () => {
  const subject = new ClientSubject();
  let refusals = 0;
  const tokens = { left: 400, atMs: subject.time.nowMs() };
  subject.server.isOverLimit = () => {
    const nowMs = subject.time.nowMs();
    tokens.left = Math.min(400, tokens.left + (nowMs - tokens.atMs) / 10);
    tokens.atMs = nowMs;
    const isOver = tokens.left < 1;
    if (isOver) refusals += 1;
    else tokens.left -= 1;
    return isOver;
  };
  for (let count = 0; count < 1000; count += 1) subject.publish(count % 2 === 0 ? KEPT : UNKEPT);
  subject.client.connect();
  await subject.flow();
  await subject.goOn(100);
  expect(subject.acknowledged.size).toBe(1000);
  expect(refusals).toBeGreaterThan(0);
  expect(refusals).toBeLessThan(200);
});
