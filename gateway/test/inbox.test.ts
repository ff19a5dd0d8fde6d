import { callApi, eventually, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
import { Centrifuge } from "centrifuge";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { INBOX_CONFIG, InboxClient, tokenOf } from "./inbox-client.ts";

/** One gateway with inboxes in memory. */
let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ config: INBOX_CONFIG });
});
afterAll(() => gateway[Symbol.asyncDispose]());

let counter = 0;
const fresh = (): string => `user-${(counter += 1)}`;
const connectAs = async (user: string, claims: object = {}): Promise<TestClient> =>
  TestClient.connect(gateway.url, await tokenOf(gateway, user, claims));

async function send(user: string, data: unknown, more: object = {}): Promise<{ offset: number; epoch: string }> {
  const answer = (await callApi(gateway, "inbox/send", { user, data, ...more })) as { result?: never };
  if (answer.result === undefined) throw new Error(JSON.stringify(answer));
  return answer.result;
}

test("[INB7] a client that asks in connect gets its inbox: what waited, then what comes, in order; any other notices nothing", async () => {
  const user = fresh();
  const first = await send(user, { n: 1 });
  await send(user, { n: 2 }, { tags: { kind: "note" } });
  await using plain = await connectAs(user);
  await using ann = await InboxClient.connect(gateway, user);
  expect(ann.granted).toEqual({ inbox: { group: "", epoch: first.epoch, offset: 0 } });
  await ann.waitFor(2);
  await send(user, { n: 3 });
  expect(await ann.waitFor(3)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(ann.arrivals.map(({ offset, epoch }) => [offset, epoch === first.epoch])).toEqual([
    [1, true],
    [2, true],
    [3, true],
  ]);
  await plain.call({ ping: {} });
  expect(plain.received.filter(({ push }) => push !== undefined)).toEqual([]);
  expect(plain.received[0]?.connect).not.toHaveProperty("belay");
});

test("[INB7] an anonymous client is granted none; a group with too long a name gets error 107", async () => {
  await using client = await TestClient.open(gateway.url);
  const reply = await client.call({ connect: { belay: { inbox: {} } } });
  expect(reply.connect).not.toHaveProperty("belay");
  expect(await client.call({ rpc: { method: "belay:ack", data: { epoch: "", offset: 0 } } })).toMatchObject({
    error: { code: 108 },
  });
  await using other = await TestClient.open(gateway.url);
  const token = await tokenOf(gateway, fresh());
  const refused = await other.call({ connect: { token, belay: { inbox: { group: "g".repeat(65) } } } });
  expect(refused.error).toEqual({ code: 107, message: "belay.inbox.group must have at most 64 characters" });
});

test("[INB5] [INB6] what was acknowledged does not come again, what was not does; every device of a group counts as one", async () => {
  const user = fresh();
  await send(user, 1);
  await send(user, 2);
  const first = await InboxClient.connect(gateway, user, { group: "phone" });
  await using twin = await InboxClient.connect(gateway, user, { group: "phone" });
  await first.waitFor(2);
  await twin.waitFor(2);
  const [one] = first.arrivals;
  if (one === undefined) throw new Error("nothing came");
  expect(await first.ack(one)).toEqual({ offset: 1 });
  await first[Symbol.asyncDispose]();
  await send(user, 3);
  await using again = await InboxClient.connect(gateway, user, { group: "phone" });
  expect(again.granted).toEqual({ inbox: { group: "phone", epoch: one.epoch, offset: 1 } });
  expect(await again.waitFor(2)).toEqual([2, 3]);
  await using knowing = await InboxClient.connect(gateway, user, { group: "phone", epoch: one.epoch, offset: 2 });
  expect(await knowing.waitFor(1)).toEqual([3]);
  await using laptop = await InboxClient.connect(gateway, user, { group: "laptop" });
  expect(await laptop.waitFor(2)).toEqual([2, 3]);
});

test("[INB3] a client is told that messages were dropped before its group acknowledged them", async () => {
  await using small = await startGateway({ config: { ...INBOX_CONFIG, inbox: { enabled: true, size: 2 } } });
  for (const n of [1, 2, 3]) await callApi(small, "inbox/send", { user: "ann", data: n });
  await using ann = await InboxClient.connect(small, "ann");
  expect(ann.granted).toMatchObject({ inbox: { lost: true } });
  expect(await ann.waitFor(2)).toEqual([2, 3]);
  const metrics = await (await fetch(`${small.controlUrl}/metrics`)).text();
  expect(metrics).toContain('belay_gateway_inbox_removed_total{reason="size"} 1');
  expect(metrics).toContain('belay_gateway_inbox_sent_total{outcome="stored"} 3');
  expect(metrics).toContain("belay_gateway_inbox_delivered_total 2");
  expect(metrics).toContain("belay_gateway_inboxes_open 1");
});

test("[INB9] what is published to a channel of an inbox namespace goes to each user it lists, and nowhere else", async () => {
  const [ann, bob] = [fresh(), fresh()];
  await using sender = await connectAs(ann);
  const channel = `inbox:#${ann},${bob}`;
  expect((await sender.call({ publish: { channel, data: { text: "hi" } } })).error).toBeUndefined();
  expect(await callApi(gateway, "publish", { channel, data: 2, idempotency_key: "k" })).toEqual({
    result: { offset: 0, epoch: "" },
  });
  await callApi(gateway, "publish", { channel, data: 2, idempotency_key: "k" });
  for (const user of [ann, bob]) {
    await using reader = await InboxClient.connect(gateway, user);
    expect(await reader.waitFor(2)).toEqual([{ text: "hi" }, 2]);
    const [first] = reader.client.received.filter(({ push }) => push?.pub !== undefined);
    expect(first?.push?.pub?.info).toMatchObject({ user: ann });
    await send(user, "end");
    expect(await reader.waitFor(3)).toEqual([{ text: "hi" }, 2, "end"]);
  }
  const one = await callApi(gateway, "publish", { channel: `inbox:#${ann}`, data: 3 });
  expect(one).toMatchObject({ result: { offset: 4 } });
  for (const method of ["publish", "broadcast"]) {
    const answer = await callApi(gateway, method, { channel: "inbox:x", channels: ["inbox:x"], data: 1 });
    expect(JSON.stringify(answer)).toContain('"code":108');
  }
  expect((await sender.call({ publish: { channel: "inbox:x", data: 1 } })).error?.code).toBe(108);
});

test("[INB10] a client without the extension subscribes to a channel that names it, and reads its inbox", async () => {
  const user = fresh();
  await send(user, 1);
  await send(user, 2);
  await using client = await connectAs(user);
  const channel = `inbox:#${user}`;
  const { subscribe } = (await client.call({ subscribe: { channel } })) as { subscribe?: Record<string, unknown> };
  expect(subscribe).toMatchObject({ recoverable: true, positioned: true, offset: 0 });
  expect(await client.waitForPayloads(channel, 2)).toEqual([1, 2]);
  await send(user, 3);
  expect(await client.waitForPayloads(channel, 3)).toEqual([1, 2, 3]);
  await client.call({ unsubscribe: { channel } });
  await send(user, 4);
  const since = { recover: true, epoch: subscribe?.["epoch"], offset: 2 };
  await using back = await connectAs(user);
  expect(await back.call({ subscribe: { channel, ...since } })).toMatchObject({
    subscribe: { recovered: true, was_recovering: true, offset: 2 },
  });
  expect(await back.waitForPayloads(channel, 2)).toEqual([3, 4]);
  expect(await client.call({ rpc: { method: "belay:ack", data: { epoch: since.epoch, offset: 3 } } })).toMatchObject({
    rpc: { data: { offset: 3 } },
  });
  await using third = await connectAs(user);
  const unknown = { recover: true, epoch: "other", offset: 1 };
  expect(await third.call({ subscribe: { channel, ...unknown } })).toMatchObject({
    subscribe: { recovered: false, was_recovering: true, offset: 3 },
  });
  expect(await third.waitForPayloads(channel, 1)).toEqual([4]);
  expect(client.payloads(channel)).toEqual([1, 2, 3]);
});

test("[INB10] nobody reads the inbox of somebody else, whatever a token says", async () => {
  const [ann, eve] = [fresh(), fresh()];
  await send(ann, "secret");
  const channel = `inbox:#${ann}`;
  await using thief = await connectAs(eve, { caps: [{ channels: [channel], allow: ["sub"] }] });
  const forEve = await tokenOf(gateway, eve, { channel });
  for (const command of [{ channel }, { channel, token: forEve }, { channel: "inbox:x" }]) {
    expect((await thief.call({ subscribe: command })).error?.code).toBe(103);
  }
  await using both = await connectAs(eve);
  await both.call({ subscribe: { channel: `inbox:#${ann},${eve}` } });
  await send(eve, "own");
  expect(await both.waitForPayloads(`inbox:#${ann},${eve}`, 1)).toEqual(["own"]);
});

test("[INB10] an unmodified SDK has every message at least once, and a short cut costs it none and doubles none", async () => {
  const user = fresh();
  const channel = `inbox:#${user}`;
  await send(user, 0);
  const sdk = new Centrifuge(gateway.url, {
    websocket: WebSocket,
    token: await tokenOf(gateway, user),
    minReconnectDelay: 10,
    maxReconnectDelay: 50,
  });
  const seen: unknown[] = [];
  const subscription = sdk.newSubscription(channel);
  subscription.on("publication", ({ data }) => seen.push(data));
  try {
    subscription.subscribe();
    sdk.connect();
    await eventually("what waited", 10_000, () => Promise.resolve(seen.length === 1));
    await callApi(gateway, "disconnect", { user, disconnect: { code: 3000, reason: "again" } });
    for (let n = 1; n <= 20; n += 1) await send(user, n);
    await eventually("everything", 10_000, () => Promise.resolve(seen.length >= 21));
    expect(seen).toEqual(Array.from({ length: 21 }, (_, n) => n));
  } finally {
    sdk.disconnect();
  }
});

test("[INB11] an acknowledgement that is none gets error 107 and acknowledges nothing; belay methods are never the application's", async () => {
  const user = fresh();
  await send(user, 1);
  await using ann = await InboxClient.connect(gateway, user);
  await ann.waitFor(1);
  const wrong = [
    {},
    { epoch: 1, offset: 1 },
    { epoch: "e" },
    { epoch: "e", offset: -1 },
    { epoch: "e", offset: 1.5 },
    7,
    null,
  ];
  for (const data of wrong) {
    const reply = await ann.client.call({ rpc: { method: "belay:ack", data } });
    expect(reply.error).toEqual({ code: 107, message: 'data must be {"epoch": "…", "offset": n}' });
  }
  expect((await ann.client.call({ rpc: { method: "belay:ack" } })).error?.code).toBe(107);
  expect((await ann.client.call({ rpc: { method: "belay:other", data: {} } })).error?.code).toBe(104);
  expect(await ann.ack({ epoch: "other", offset: 1 })).toEqual({ offset: 0 });
});

test("[INB1] [INB2] inbox/send answers the place, also in a batch; a repeat is answered like the first; bad requests say why", async () => {
  const user = fresh();
  const first = await send(user, { a: 1 }, { idempotency_key: "k" });
  expect(first.offset).toBe(1);
  expect(await send(user, { a: 2 }, { idempotency_key: "k" })).toEqual(first);
  const commands = [1, 2, 3].map((data) => ({ inbox_send: { user, data, ttl: 5 } }));
  expect(await callApi(gateway, "batch", { commands })).toEqual({
    replies: [2, 3, 4].map((offset) => ({ inbox_send: { offset, epoch: first.epoch } })),
  });
  for (const [body, problem] of [
    [{ user }, "data must be there"],
    [{ data: 1 }, "user must be the id of a user, of 1 to 255 characters, was: absent"],
    [{ user: "", data: 1 }, 'user must be the id of a user, of 1 to 255 characters, was: ""'],
    [{ user, data: 1, ttl: 0 }, "ttl must be an integer from 1 to 31536000, was: 0"],
  ] as const) {
    expect(await callApi(gateway, "inbox/send", body)).toEqual({ error: { code: 107, message: problem } });
  }
});

test("[INB13] an inbox larger than what may be queued is handed out at the pace of the client, and closes nobody", async () => {
  const user = fresh();
  const large = "x".repeat(50_000);
  for (let n = 0; n < 60; n += 1) await send(user, `${n}${large}`);
  await using ann = await InboxClient.connect(gateway, user);
  ann.client.socket.pause();
  await eventually("the client's queue is full", 10_000, async () => {
    const text = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
    return text.includes("belay_gateway_inbox_delivered_total");
  });
  ann.client.socket.resume();
  const arrived = await ann.waitFor(60);
  expect(arrived.map((text) => Number.parseInt(String(text), 10))).toEqual(Array.from({ length: 60 }, (_, n) => n));
});

test("[INB14] where inboxes are turned off nothing is stored, granted or opened", async () => {
  await using off = await startGateway();
  expect(await callApi(off, "inbox/send", { user: "ann", data: 1 })).toMatchObject({ error: { code: 108 } });
  await using ann = await InboxClient.connect(off, "ann");
  expect(ann.granted).toBeUndefined();
  expect(await ann.ack({ epoch: "e", offset: 1 })).toMatchObject({ code: 108 });
});

test("[INB14] turned on in a running gateway, inboxes work at once", async () => {
  await using late = await startGateway();
  await late.reconfigure(INBOX_CONFIG);
  await eventually("turned on", 10_000, async () => {
    const answer = (await callApi(late, "inbox/send", { user: "ann", data: 1 })) as { result?: object };
    return answer.result !== undefined;
  });
  await using ann = await InboxClient.connect(late, "ann");
  expect((await ann.waitFor(1))[0]).toBe(1);
});
