import { eventually, type RedisCluster, type RedisServer, startGateway, startRedisCluster } from "@belay/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { keySlot } from "../src/redis/key-slot.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { CheckedTraffic } from "./checked-traffic.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** One cluster for all tests: each is about another shard. */
let cluster: RedisCluster;
const keys = new RedisKeys("");
const CHANNELS = Array.from({ length: 24 }, (_, index) => `room-${index}`);

beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 1 });
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

/** Two channels of each shard. */
async function channelsByOwner(): Promise<ReadonlyMap<RedisServer, readonly string[]>> {
  const owners = new Map<RedisServer, string[]>();
  for (const channel of CHANNELS) {
    const owner = await cluster.ownerOf(keys.partitionTerm(channel));
    const channels = owners.get(owner) ?? [];
    if (channels.length < 2) owners.set(owner, [...channels, channel]);
  }
  return owners;
}

interface Scene {
  readonly traffic: CheckedTraffic;
  readonly shards: readonly (readonly [RedisServer, readonly string[]])[];
}

async function openScene(): Promise<Scene> {
  const shards = [...(await channelsByOwner())];
  expect(shards).toHaveLength(3);
  const config = {
    broker: { type: "redis", mode: "cluster", nodes: cluster.nodes.slice(0, 6), prefix: "", durability: "replicated" },
    channels: { unprefixed: { history: { size: 1_000, ttlSeconds: 60 } } },
  } as const;
  const gateways = [await startGateway({ config }), await startGateway({ config })];
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const channels = shards.flatMap(([, ofShard]) => ofShard);
  const traffic = await CheckedTraffic.start(gateways, channels);
  const begun = traffic.mark();
  await eventually("flow", 15_000, () => traffic.flows(begun));
  return { traffic, shards };
}

/** Run ids that a failover of the channel's shard is proved by: `,a,`. */
async function proofOf(channel: string): Promise<string> {
  const key = keys.partitionTerm(channel);
  return cluster.call(await cluster.ownerOf(key), "HGET", key, "s");
}

/** On a busy machine a replica may have been too late for the first publications. */
async function replicasCount(channels: readonly string[]): Promise<void> {
  for (const channel of channels)
    await eventually(`the replica of ${channel} counts`, 20_000, async () => /^,\w+,$/.test(await proofOf(channel)));
}

async function replicaOf(primary: RedisServer): Promise<RedisServer> {
  const role = (await cluster.call(primary, "ROLE")).split("\n");
  const replica = cluster.servers.find(({ port }) => role.includes(String(port)));
  if (replica === undefined) throw new Error(`nobody follows: ${role.join(" ")}`);
  return replica;
}

async function flowsAgain({ traffic }: Scene): Promise<number> {
  const startMs = performance.now();
  const mark = traffic.mark();
  await eventually("flow again", 20_000, () => traffic.flows(mark)).catch((error: unknown) => {
    console.log(traffic.state);
    throw error;
  });
  return Math.round(performance.now() - startMs);
}

async function finish({ traffic }: Scene): Promise<void> {
  await traffic.stop();
  await eventually("everybody is at the end", 15_000, () => traffic.isSettled);
  traffic.check();
}

test("[FN11] replicated on a cluster: a replica that is missing ends the epochs of its shard, and of no other; back again it counts", async () => {
  const scene = await openScene();
  const { traffic, shards } = scene;
  const [[primary, mine] = [], ...others] = shards;
  if (primary === undefined || mine === undefined) throw new Error("no shard");
  const theirs = others.flatMap(([, channels]) => channels);
  await replicasCount([...mine, ...theirs]);
  const proofs = await Promise.all(theirs.map(proofOf));
  const told = traffic.toldIn(theirs);
  const replica = await replicaOf(primary);
  await replica.kill();
  for (const channel of mine)
    await eventually("goes on without it", 20_000, async () => (await proofOf(channel)) === ",");
  console.log(`a replica is missing: flow after ${await flowsAgain(scene)} ms, ${traffic.errors} publishes refused`);
  expect(traffic.toldIn(mine)).toBeGreaterThanOrEqual(mine.length);
  expect(traffic.toldIn(theirs)).toBe(told);
  expect(await Promise.all(theirs.map(proofOf))).toEqual(proofs);
  await replica.start();
  await replicasCount(mine);
  await finish(scene);
}, 90_000);

/** Messages to a user whose inbox is on that server, one after the other. */
async function startInbox(primary: RedisServer): Promise<{ readonly check: () => Promise<void> }> {
  const inboxes = openRedisInboxes({
    url: clusterTopology(cluster),
    prefix: "",
    durability: () => "replicated",
    ...testRuntime(),
  });
  onTestFinished(() => inboxes.close());
  inboxes.start();
  const user = await eventually("a user there", 10_000, async () => {
    for (const each of CHANNELS) if ((await cluster.ownerOf(keys.inbox(each)[0])) === primary) return each;
    return undefined;
  });
  const acknowledged: string[] = [];
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const sending = (async (): Promise<void> => {
    for (let count = 1; !end.signal.aborted; count += 1) {
      const text = String(count);
      const sent = await inboxes
        .send({ user, data: Buffer.from(text), size: 10_000, ttlMs: 60_000 })
        .catch(() => false);
      if (sent !== false) acknowledged.push(text);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  await eventually("messages", 10_000, () => acknowledged.length > 10);
  const check = async (): Promise<void> => {
    const before = acknowledged.length;
    await eventually("messages again", 20_000, () => acknowledged.length > before + 10);
    end.abort();
    await sending;
    const stored: string[] = [];
    for (let after = { offset: 0, epoch: "" }, hasMore = true; hasMore;) {
      const page = await inboxes.read({ user, group: "", after });
      stored.push(...page.messages.map(({ data }) => data.toString()));
      ({ position: after, hasMore } = page);
    }
    expect(acknowledged.filter((text) => !stored.includes(text))).toEqual([]);
    expect(stored).toEqual([...new Set(stored)].toSorted((a, b) => Number(a) - Number(b)));
  };
  return { check };
}

test("[FN10] [IBR7] replicated on a cluster: a primary is killed under traffic: nothing that was acknowledged is lost, epochs live on, nobody is told", async () => {
  const scene = await openScene();
  const { traffic, shards } = scene;
  const [, [primary, mine] = []] = shards;
  const channel = mine?.[0];
  if (primary === undefined || channel === undefined) throw new Error("no shard");
  await replicasCount(shards.flatMap(([, channels]) => channels));
  const inbox = await startInbox(primary);
  const told = traffic.told;
  const key = keys.partitionTerm(channel);
  await primary.kill();
  await eventually("errors", 5_000, () => traffic.errors > 0);
  await eventually("a replica took over", 20_000, async () => (await cluster.ownerOf(key)) !== primary);
  const flowMs = await flowsAgain(scene);
  console.log(
    `flow ${flowMs} ms after the promotion, ${traffic.errors} publishes refused, slowest ${Math.round(traffic.slowestMs)} ms`,
  );
  await inbox.check();
  await finish(scene);
  expect(traffic.told).toBe(told);
  await primary.start();
}, 90_000);

test("[FN12] replicated on a cluster: a slot moves to another server under traffic: temporary errors only, epochs live on, nobody is told", async () => {
  const scene = await openScene();
  const [[from, mine] = [], [to] = []] = scene.shards;
  const channel = mine?.[0];
  if (from === undefined || to === undefined || channel === undefined) throw new Error("no shards");
  await replicasCount([channel]);
  const told = scene.traffic.told;
  const slot = keySlot(keys.partitionTerm(channel));
  await cluster.beginMigration(slot, from, to);
  await cluster.moveKeys(slot, from, to);
  await cluster.endMigration(slot, from, to);
  expect(await cluster.ownerOf(keys.partitionTerm(channel))).toBe(to);
  await flowsAgain(scene);
  await replicasCount([channel]);
  await finish(scene);
  expect(scene.traffic.told).toBe(told);
}, 90_000);
