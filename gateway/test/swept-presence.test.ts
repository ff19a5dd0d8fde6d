import {
  type Broker,
  openRedisBroker,
  openRedisRegistry,
  type PresenceEvent,
  type Registry,
  type SweptLease,
} from "@belay/gateway/internal";
import { eventually, type RedisServer, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { testRuntime } from "./redis-test-runtime.ts";

const LEASE = { beatIntervalMs: 100, deadAfterMs: 600, awayAfterMs: 400, graceMs: 100 };
const TTL_MS = 60_000;

interface Node {
  readonly broker: Broker;
  readonly registry: Registry;
  readonly events: PresenceEvent[];
  readonly swept: SweptLease[];
}

async function openNode(redis: RedisServer, podUid: string): Promise<Node> {
  const shared = { url: redis.url, prefix: "t:", ...testRuntime() };
  const swept: SweptLease[] = [];
  const onSweep = (lease: SweptLease): void => void swept.push(lease);
  const registry = openRedisRegistry({ ...shared, podUid, revision: "r", timing: LEASE, onSweep });
  const broker = openRedisBroker({ ...shared, nodeId: podUid, lease: () => registry.lease });
  const events: PresenceEvent[] = [];
  onTestFinished(async () => {
    await registry.close();
    await broker.close();
  });
  await registry.start();
  await broker.start({
    onPublication: () => undefined,
    onPresenceEvent: (event) => void events.push(event),
    onNodeMessage: () => undefined,
    onConnected: () => undefined,
  });
  return { broker, registry, events, swept };
}

function member(client: string, tellsLeave = true): Parameters<Broker["addPresence"]>[1] {
  return { client, user: "ann", info: Buffer.from(`{"client":"${client}"}`), tellsLeave };
}

async function present(broker: Broker, channel: string): Promise<readonly string[]> {
  return (await broker.presence(channel)).map(({ client }) => client).toSorted();
}

/** Members that were removed. Whichever node sees it first sweeps, the swept one included: it lives. */
async function sweep(by: Node, podUid: string, other: Node): Promise<number | undefined> {
  await by.registry.sweep([podUid]);
  const { members } = await eventually("swept", 5_000, () =>
    [...by.swept, ...other.swept].find((lease) => lease.podUid === podUid),
  );
  return members;
}

test("[RG17] a sweep takes only members of the dead lease: what another node wrote meanwhile stays, and is not told of", async () => {
  const redis = await startRedis();
  const [dead, alive] = [await openNode(redis, "dead"), await openNode(redis, "alive")];
  await alive.broker.subscribe("chat");
  for (const client of ["moved", "gone"]) await dead.broker.addPresence("chat", member(client), TTL_MS);
  await dead.broker.addPresence("chat", member("quiet", false), TTL_MS);
  await alive.broker.addPresence("chat", member("moved"), TTL_MS);
  await alive.broker.addPresence("chat", member("other"), TTL_MS);
  expect(await sweep(alive, "dead", dead)).toBe(2);
  expect(await present(alive.broker, "chat")).toEqual(["moved", "other"]);
  expect(await alive.broker.presenceStats("chat")).toEqual({ clients: 2, users: 1 });
  await eventually("told", 5_000, () => alive.events.length > 0);
  expect(alive.events.map(({ kind, info }) => [kind, info.toString()])).toEqual([["leave", '{"client":"gone"}']]);
});

test("[RG17] the index of a pod has the channels in which it has members, and is swept with them", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const [pod, other] = [await openNode(redis, "pod-a"), await openNode(redis, "pod-b")];
  const { term } = pod.registry.lease ?? { term: "" };
  const indexed = async (): Promise<readonly string[]> => {
    const keys = await client.keys(`t:{*}p:pod-a:${term}:*:ch`);
    return (await Promise.all(keys.map((key) => client.smembers(key)))).flat().toSorted();
  };
  for (const channel of ["a", "b", "c"]) {
    for (const name of ["one", "two"]) await pod.broker.addPresence(channel, member(name), TTL_MS);
  }
  await pod.broker.removePresence("a", "one", false);
  await pod.broker.removePresence("b", "one", false);
  await pod.broker.removePresence("b", "two", true);
  expect(await indexed()).toEqual(["a", "c"]);
  expect(await sweep(other, "pod-a", pod)).toBe(3);
  expect(await indexed()).toEqual([]);
  expect(await present(other.broker, "c")).toEqual([]);
});

test("[RG17] a pod that takes a new lease has time to write its members again before the old lease is swept", async () => {
  const redis = await startRedis();
  const pod = await openNode(redis, "pod-a");
  const before = pod.registry.lease;
  await pod.broker.subscribe("chat");
  for (const name of ["stays", "left"]) await pod.broker.addPresence("chat", member(name), TTL_MS);
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  // As after a Redis that lost its latest writes: the row is gone, the pod lives.
  await client.hdel("t:{L}:pods", "pod-a");
  await eventually("a new lease", 5_000, () => pod.registry.lease?.term !== before?.term);
  await pod.broker.addPresence("chat", member("stays"), TTL_MS);
  await eventually("swept", 5_000, async () => (await present(pod.broker, "chat")).join() === "stays");
  await eventually("told", 5_000, () => pod.events.length > 0);
  expect(pod.events.map(({ info }) => info.toString())).toEqual(['{"client":"left"}']);
});
