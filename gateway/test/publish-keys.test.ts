import { callApi, type RedisServer, type RunningGateway, startGateway, startRedis, TestClient } from "@belay/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { INBOX_CONFIG, tokenOf } from "./inbox-client.ts";

/** Two gateways on one real Redis. */
let redis: RedisServer;
let gateways: readonly RunningGateway[] = [];
let one: RunningGateway;
let two: RunningGateway;
beforeAll(async () => {
  redis = await startRedis();
  gateways = await Promise.all(
    ["pod-one", "pod-two"].map((podUid) => startGateway({ redisUrl: redis.url, podUid, config: INBOX_CONFIG })),
  );
  const [first, second] = gateways;
  if (first === undefined || second === undefined) throw new Error("no gateways");
  [one, two] = [first, second];
});
afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

interface Person {
  readonly client: TestClient;
  readonly granted: unknown;
}

async function connect(gateway: RunningGateway, user: string, belay: object = { keys: true }): Promise<Person> {
  const client = await TestClient.open(gateway.url);
  onTestFinished(() => client[Symbol.asyncDispose]());
  const reply = await client.call({ connect: { token: await tokenOf(gateway, user), belay } });
  return { client, granted: reply.connect?.["belay"] };
}

/** The reply without its id. */
async function publish({ client }: Person, channel: string, data: unknown, key?: string): Promise<unknown> {
  const { id: _id, ...reply } = await client.call({
    publish: { channel, data, ...(key !== undefined && { belay: { key } }) },
  });
  return reply;
}

async function listen(channel: string): Promise<TestClient> {
  const { client } = await connect(two, "listener", {});
  await client.call({ subscribe: { channel } });
  return client;
}

test("[PKY1] what a user publishes twice with one key, on two nodes and at once, is published once and answered alike", async () => {
  const listener = await listen("news");
  const [here, there] = await Promise.all([connect(one, "ann"), connect(two, "ann")]);
  expect([here.granted, there.granted]).toEqual([{ keys: true }, { keys: true }]);
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  const replies = await Promise.all(
    keys.flatMap((key) => [here, there, here].map((person) => publish(person, "news", key, key))),
  );
  expect(replies).toEqual(replies.map(() => ({ publish: {} })));
  await publish(here, "news", "last", "last");
  await listener.waitForPayloads("news", keys.length + 1);
  expect(new Set(listener.payloads("news"))).toEqual(new Set([...keys, "last"]));
  expect(listener.payloads("news")).toHaveLength(keys.length + 1);
});

test("[PKY2] the same key of another user, in another channel and of the server API names something else", async () => {
  const [listener, other] = await Promise.all([listen("order"), listen("order2")]);
  const [ann, bob] = await Promise.all([connect(one, "ann"), connect(one, "bob")]);
  await publish(ann, "order", "ann", "k");
  await publish(bob, "order", "bob", "k");
  await publish(ann, "order2", "ann", "k");
  await callApi(one, "publish", { channel: "order", data: "api", idempotency_key: "k" });
  expect(await listener.waitForPayloads("order", 3)).toEqual(["ann", "bob", "api"]);
  expect(await other.waitForPayloads("order2", 1)).toEqual(["ann"]);
});

test("[PKY1] a key that was not asked for means nothing, one that is too long is refused", async () => {
  const listener = await listen("plain");
  const [plain, keyed] = await Promise.all([connect(one, "ann", {}), connect(one, "ann")]);
  expect(plain.granted).toBeUndefined();
  await publish(plain, "plain", 1, "k");
  await publish(plain, "plain", 2, "k".repeat(65));
  expect(await publish(keyed, "plain", 3, "k".repeat(65))).toMatchObject({ error: { code: 107 } });
  expect(await publish(keyed, "plain", 4, "k".repeat(64))).toEqual({ publish: {} });
  expect(await listener.waitForPayloads("plain", 3)).toEqual([1, 2, 4]);
});

test("[PKY3] a message for inboxes is put into each once", async () => {
  const ann = await connect(one, "ann");
  for (const gateway of [one, two, one]) {
    const sender = await connect(gateway, "bob");
    expect(await publish(sender, "inbox:#ann,bob", "hello", "k")).toEqual({ publish: {} });
  }
  const { client } = ann;
  const reply = await client.call({ subscribe: { channel: "inbox:#ann,bob", recover: true } });
  expect(reply.error).toBeUndefined();
  await publish(await connect(two, "bob"), "inbox:#ann,bob", "end", "end");
  await client.waitForPayloads("inbox:#ann,bob", 2);
  expect(client.payloads("inbox:#ann,bob")).toEqual(["hello", "end"]);
});
