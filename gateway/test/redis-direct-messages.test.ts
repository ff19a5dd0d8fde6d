import { type Broker, BrokerUnavailableError, openRedisBroker } from "@belay/gateway/internal";
import { eventually, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { testRuntime } from "./redis-test-runtime.ts";

interface Node {
  readonly broker: Broker;
  readonly heard: string[];
}

async function openNode(url: string, nodeId: string, pollIntervalMs = 200): Promise<Node> {
  const heard: string[] = [];
  const timing = { pollIntervalMs };
  const broker = openRedisBroker({ url, prefix: "t:", nodeId, timing, ...testRuntime() });
  onTestFinished(() => broker.close());
  await broker.start({
    onPublication: () => undefined,
    onPresenceEvent: () => undefined,
    onNodeMessage: (message) => void heard.push(message.toString()),
    onConnected: () => undefined,
  });
  return { broker, heard };
}

function openClient(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}

async function streamOf(client: Redis, nodeId: string): Promise<string> {
  const [key] = await client.keys(`t:{*}d:${nodeId}`);
  return key ?? "";
}

test("[BR32] no message to a node vanishes or doubles while its subscriber connection is cut again and again", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const [sender, receiver] = [await openNode(redis.url, "sender"), await openNode(redis.url, "receiver")];
  const sent: string[] = [];
  for (let round = 0; round < 20; round += 1) {
    await client.call("CLIENT", "KILL", "TYPE", "pubsub");
    for (let n = 0; n < 25; n += 1) {
      sent.push(`${round}/${n}`);
      await sender.broker.sendToNode("receiver", Buffer.from(`${round}/${n}`));
    }
  }
  await eventually("all heard", 10_000, () => receiver.heard.length >= sent.length);
  expect(receiver.heard).toEqual(sent);
  expect(sender.heard).toEqual([]);
});

test("[BR32] a message comes with its nudge: nothing is read for it; what was taken is removed in time, what nobody reads is forgotten", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const sender = await openNode(redis.url, "sender");
  const slow = await openNode(redis.url, "slow", 60_000);
  const reads = async (): Promise<number> =>
    Number(/cmdstat_xrange:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
  const readsBefore = await reads();
  const texts = Array.from({ length: 100 }, (_, n) => String(n));
  for (const text of texts) {
    await sender.broker.sendToNode("slow", Buffer.from(text));
    await eventually(`heard ${text}`, 5_000, () => slow.heard.at(-1) === text);
  }
  expect(slow.heard).toEqual(texts);
  expect((await reads()) - readsBefore).toBeLessThanOrEqual(3);
  expect(await client.xlen(await streamOf(client, "slow"))).toBeLessThan(64);
  await sender.broker.sendToNode("nobody", Buffer.from("x"));
  const ttlMs = await client.pttl(await streamOf(client, "nobody"));
  expect(ttlMs).toBeGreaterThan(50_000);
  expect(ttlMs).toBeLessThanOrEqual(60_000);
  await sender.broker.sendToNode("sender", Buffer.from("x"));
  await eventually("empty", 5_000, async () => (await client.xlen(await streamOf(client, "sender"))) === 0);
});

test("[BR32] a message whose nudge was lost comes before the next one, a nudge that comes again or is none of ours is nothing new, a long message is read", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const sender = await openNode(redis.url, "sender");
  const receiver = await openNode(redis.url, "receiver", 60_000);
  const say = async (text: string): Promise<void> => {
    await sender.broker.sendToNode("receiver", Buffer.from(text));
    await eventually(`heard ${text.slice(0, 10)}`, 5_000, () => receiver.heard.at(-1) === text);
  };
  await say("first");
  const stream = await streamOf(client, "receiver");
  await client.xadd(stream, "*", "m", "without a nudge");
  await say("second");
  const [[id] = [""]] = await client.xrevrange(stream, "+", "-", "COUNT", 1);
  const nudges = stream.replace("}d:", "}n:");
  for (const nudge of [` ${id} second`, " no-id second", "second", ""]) await client.call("SPUBLISH", nudges, nudge);
  const long = "x".repeat(20_000);
  await say(long);
  await say("last");
  expect(receiver.heard).toEqual(["first", "without a nudge", "second", long, "last"]);
});

test("[BR32] a stream that was lost and begins again below what was read is read all the same, one that came back only where it is new", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const [sender, receiver] = [await openNode(redis.url, "sender"), await openNode(redis.url, "receiver")];
  await sender.broker.sendToNode("receiver", Buffer.from("first"));
  await eventually("first", 5_000, () => receiver.heard.length === 1);
  const stream = await streamOf(client, "receiver");
  const [[id] = []] = await client.xrange(stream, "-", "+");
  // A Redis whose clock was ahead gave this one its id, and is replaced by one with the right time.
  await client.xadd(stream, "9000000000000-0", "m", "ahead");
  await eventually("ahead", 5_000, () => receiver.heard.length === 2);
  await client.del(stream);
  if (id !== undefined) await client.xadd(stream, id, "m", "first");
  await sender.broker.sendToNode("receiver", Buffer.from("new"));
  await eventually("new", 5_000, () => receiver.heard.length >= 3);
  expect(receiver.heard).toEqual(["first", "ahead", "new"]);
});

test("[BR32] a node that does not read for too long is not sent more: the sender is told", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const sender = await openNode(redis.url, "sender");
  await sender.broker.sendToNode("deaf", Buffer.from("x"));
  const stream = await streamOf(client, "deaf");
  await client.eval("for i = 1, 19999 do redis.call('XADD', KEYS[1], '*', 'm', 'x') end", 1, stream);
  await expect(sender.broker.sendToNode("deaf", Buffer.from("x"))).rejects.toThrow(BrokerUnavailableError);
  expect(await client.xlen(stream)).toBe(20_000);
});
