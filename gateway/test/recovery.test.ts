import {
  eventually,
  type Received,
  type RedisServer,
  type RunningGateway,
  startGateway,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Two gateways on one real Redis, with a history of ten. */
const config = { channels: { unprefixed: { history: { size: 10, ttlSeconds: 60 } } } };
let redis: RedisServer;
let client: Redis;
let one: RunningGateway;
let two: RunningGateway;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
  // It is stopped in one of the tests.
  client.on("error", () => undefined);
  one = await startGateway({ redisUrl: redis.url, podUid: "one", config });
  two = await startGateway({ redisUrl: redis.url, podUid: "two", config });
});
afterAll(async () => {
  client.disconnect();
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

interface Result {
  readonly recovered?: boolean;
  readonly epoch?: string;
  readonly offset?: number;
  readonly publications?: readonly { readonly offset: number; readonly data: unknown }[];
}

interface Place {
  readonly offset?: number;
  readonly epoch?: string;
}

async function subscribe(to: TestClient, channel: string, since?: Place): Promise<Result> {
  const recover = since === undefined ? {} : { recover: true, ...since };
  const reply = await to.call({ subscribe: { channel, recoverable: true, ...recover } });
  expect(reply.error).toBeUndefined();
  return reply["subscribe"] as Result;
}

/** By a client of that node. */
async function publish(gateway: RunningGateway, channel: string, ...data: readonly unknown[]): Promise<void> {
  await using publisher = await TestClient.connect(gateway.url);
  for (const each of data) {
    const reply = await publisher.call({ publish: { channel, data: each } });
    if (reply.error !== undefined) throw new Error(reply.error.message);
  }
}

const isTold =
  (channel: string) =>
  ({ push }: Received): boolean =>
    push?.channel === channel && "unsubscribe" in push;

test("[SUB13] what was published while a client was away comes with the reply, on whichever node it comes back", async () => {
  const channel = "away";
  const first = await TestClient.connect(one.url);
  const { epoch } = await subscribe(first, channel);
  await publish(two, channel, "a", "b");
  await first.waitForPayloads(channel, 2);
  await first[Symbol.asyncDispose]();
  await publish(one, channel, "c", "d");
  await using second = await TestClient.connect(two.url);
  const result = await subscribe(second, channel, { offset: 2, epoch: epoch ?? "" });
  expect(result).toMatchObject({ recovered: true, offset: 4, epoch });
  expect(result.publications?.map(({ offset, data }) => [offset, data])).toEqual([
    [3, "c"],
    [4, "d"],
  ]);
  await publish(one, channel, "e");
  expect(await second.waitForPayloads(channel, 1)).toEqual(["e"]);
});

test("[AUT11] a server-side subscription is recovered from the place that the client names, whatever else it does not say", async () => {
  const channel = "given";
  const token = await new SignJWT({ sub: "ann", subs: { [channel]: {} } })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(one.hmacSecret));
  const connect = async (subs: object): Promise<Result | undefined> => {
    await using ann = await TestClient.open(one.url);
    const { connect: connected } = await ann.call({ connect: { token, subs } });
    return (connected?.["subs"] as Readonly<Record<string, Result>> | undefined)?.[channel];
  };
  const first = await connect({});
  await publish(one, channel, "a", "b");
  const { epoch = "", offset = 0 } = first ?? {};
  const again = await connect({ [channel]: { recover: true, epoch, offset } });
  expect(again).toMatchObject({ recoverable: true, positioned: true, recovered: true, offset: 2, epoch });
  expect(again?.publications?.map(({ data }) => data)).toEqual(["a", "b"]);
});

test.for<readonly [string, (place: Required<Place>) => Place]>([
  ["another epoch", ({ offset }) => ({ offset, epoch: "other" })],
  ["no epoch", ({ offset }) => ({ offset })],
  ["a place ahead of the channel", ({ offset, epoch }) => ({ offset: offset + 1, epoch })],
  ["a place before the history begins", ({ epoch }) => ({ offset: 1, epoch })],
])("[SUB13] %s is not recovered, and nothing is filled in", async ([name, claim]) => {
  const channel = name.replaceAll(" ", "-");
  await publish(one, channel, ...Array.from({ length: 12 }, (_, index) => index));
  await using subscriber = await TestClient.connect(two.url);
  const { epoch = "", offset = 0 } = await subscribe(subscriber, channel);
  await subscriber.call({ unsubscribe: { channel } });
  const result = await subscribe(subscriber, channel, claim({ offset, epoch }));
  expect(result).toMatchObject({ recovered: false, offset: 12, epoch });
  expect(result.publications).toBeUndefined();
});

test("[ORD7] what a node did not hear is read from the history and pushed in its place, without the clients' doing", async () => {
  const channel = "deaf";
  await using here = await TestClient.connect(one.url);
  await using there = await TestClient.connect(two.url);
  for (const each of [here, there]) await subscribe(each, channel);
  await publish(one, channel, 1);
  // Both nodes lose their subscriptions, and hear nothing until they have made them again.
  const published = Array.from({ length: 8 }, (_, index) => index + 2);
  await client.call("CLIENT", "KILL", "TYPE", "pubsub");
  await publish(one, channel, ...published);
  for (const each of [here, there]) {
    expect(await each.waitForPayloads(channel, 9)).toEqual([1, ...published]);
    expect(each.received.some(isTold(channel))).toBe(false);
  }
});

test("[ORD8] when Redis lost everything, subscribers are told, and whoever comes back is not recovered", async () => {
  const channel = "lost";
  await using subscriber = await TestClient.connect(one.url);
  const before = await subscribe(subscriber, channel);
  await publish(two, channel, "old");
  await subscriber.waitForPayloads(channel, 1);
  await redis.stop();
  await redis.start();
  await subscriber.waitFor("the end of the subscription", isTold(channel), 10_000);
  expect(subscriber.received.find(isTold(channel))?.push).toMatchObject({ unsubscribe: { code: 2500 } });
  const again = await resubscribe(subscriber, channel, { offset: 1, epoch: before.epoch ?? "" });
  expect(again).toMatchObject({ recovered: false, offset: 0 });
  expect(again.epoch).not.toBe(before.epoch);
  await eventually("published", 5_000, () =>
    publish(two, channel, "new").then(
      () => true,
      () => false,
    ),
  );
  expect(await subscriber.waitForPayloads(channel, 2)).toEqual(["old", "new"]);
});

/** As a client does that is told to come later. */
async function resubscribe(to: TestClient, channel: string, since: Place): Promise<Result> {
  let result: Result | undefined;
  await eventually("subscribed again", 5_000, async () => {
    const reply = await to.call({ subscribe: { channel, recoverable: true, recover: true, ...since } });
    result = reply["subscribe"] as Result | undefined;
    return result !== undefined;
  });
  return result ?? {};
}

test("[LIM9] a history too large for one reply is refused; in parts it is read", async () => {
  const channel = "large";
  await publish(one, channel, ...Array.from({ length: 10 }, () => "x".repeat(60_000)));
  await using reader = await TestClient.connect(two.url);
  const { epoch = "" } = await subscribe(reader, channel);
  expect((await reader.call({ history: { channel, limit: -1 } })).error?.code).toBe(106);
  let offset = 0;
  while (offset < 10) {
    const reply = await reader.call({ history: { channel, limit: 5, since: { offset, epoch } } });
    offset += (reply["history"] as Result).publications?.length ?? 0;
  }
  expect(offset).toBe(10);
});
