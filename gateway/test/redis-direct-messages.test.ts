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

test("[BR32] a nudge tells at once; what was read is removed, what nobody reads is forgotten", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const sender = await openNode(redis.url, "sender");
  const slow = await openNode(redis.url, "slow", 60_000);
  for (const text of ["1", "2", "3"]) {
    await sender.broker.sendToNode("slow", Buffer.from(text));
    await eventually(`heard ${text}`, 5_000, () => slow.heard.at(-1) === text);
  }
  expect(await client.xlen(await streamOf(client, "slow"))).toBeLessThanOrEqual(1);
  await sender.broker.sendToNode("nobody", Buffer.from("x"));
  const ttlMs = await client.pttl(await streamOf(client, "nobody"));
  expect(ttlMs).toBeGreaterThan(50_000);
  expect(ttlMs).toBeLessThanOrEqual(60_000);
  await eventually("empty", 5_000, async () => {
    await sender.broker.sendToNode("sender", Buffer.from("x"));
    return (await client.xlen(await streamOf(client, "sender"))) <= 1;
  });
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
