import { afterAll, beforeAll, expect, test } from "vitest";
import { eventuallyTrue } from "../eventually.ts";
import { externalCluster, externalRedis, externalSentinel, podIp } from "../external-redis.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { getObject } from "../kube-objects.ts";
import { kubectl } from "../kubectl.ts";
import { Publisher } from "../publisher.ts";

const CLIENTS = 20;

/** What `spec.redis` may be, by the name of the cluster that has it. */
const kinds = {
  alone: () => Promise.resolve({ type: "managed", persistence: { size: "64Mi" } }),
  watched: () => Promise.resolve({ type: "managed", mode: "sentinel", persistence: { size: "64Mi" } }),
  url: async (at: given.Namespace) => {
    const { secret } = await externalRedis(at);
    return { type: "external", urlSecretRef: { name: secret } };
  },
  sentinels: async (at: given.Namespace) => {
    const { secret: name, nodes } = await externalSentinel(at);
    const passwordSecretRef = { name, key: "redis" };
    const sentinelPasswordSecretRef = { name, key: "sentinel" };
    return { type: "external", sentinel: { masterName: "main", nodes, passwordSecretRef, sentinelPasswordSecretRef } };
  },
  shards: async (at: given.Namespace) => {
    const { secret: name, nodes } = await externalCluster(at);
    return { type: "external", cluster: { nodes: nodes.slice(0, 1), passwordSecretRef: { name } } };
  },
};

let ns: given.Namespace;
const started = new Map<string, Promise<void>>();

// All come up at once: that is most of the time they take.
beforeAll(async () => {
  ns = await given.namespace("e2e-kinds");
  for (const [name, redisOf] of Object.entries(kinds)) {
    const start = async (): Promise<void> =>
      given.realtimeCluster(ns, name, { replicas: 2, auth: { anonymous: true }, redis: await redisOf(ns) });
    const starting = start();
    // Its test tells.
    starting.catch(() => undefined);
    started.set(name, starting);
  }
});
afterAll(async () => {
  // A namespace that is deleted with pods in it is looked at again after their grace period, whenever they are gone.
  await kubectl(["-n", ns.name, "delete", "rtc", "--all", "--wait=true"]);
  await kubectl(["-n", ns.name, "delete", "pods", "--all", "--wait=true", "--timeout=60s"]);
  await ns[Symbol.asyncDispose]();
}, 240_000);

/** A client on each gateway hears what is published. */
async function openTraffic(name: string): Promise<{ fleet: Fleet; publisher: Publisher } & AsyncDisposable> {
  const { url } = await given.readyCluster(ns, name, 150_000);
  const pods = await given.gatewayPods(ns, name);
  await given.everyPodReached(
    url,
    pods.map(({ metadata }) => metadata.uid),
  );
  const fleet = await Fleet.open({ url, count: CLIENTS, channel: "news" });
  await eventuallyTrue("clients on both gateways", { withinMs: 30_000 }, () => {
    return fleet.connected === CLIENTS && fleet.byNode.size === 2;
  });
  const publisher = Publisher.start({ url, apiKey: await given.apiKey(ns, name), channel: "news", perSecond: 20 });
  return {
    fleet,
    publisher,
    [Symbol.asyncDispose]: async () => {
      await publisher[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    },
  };
}

/** Everybody heard everything: nobody has a history here, so nothing comes twice. */
async function flows({ fleet, publisher }: { fleet: Fleet; publisher: Publisher }, count: number): Promise<void> {
  await eventuallyTrue("published", { withinMs: 30_000 }, () => publisher.accepted >= count);
  await publisher[Symbol.asyncDispose]();
  await eventuallyTrue(
    "everybody heard it",
    { withinMs: 15_000 },
    () => fleet.received >= publisher.accepted * CLIENTS,
  );
  // What was not answered in time may have been published all the same.
  expect(fleet.received).toBeLessThanOrEqual((publisher.accepted + publisher.refusedTemporarily) * CLIENTS);
  // 4000 is a client's own, whose subscribe was refused for now.
  expect(fleet.closes.filter(({ code }) => code !== 4000)).toEqual([]);
  expect(publisher.failures).toEqual([]);
  expect(publisher.cut).toBe(0);
}

test.each(["alone", "url", "sentinels", "watched"])(
  "one object, redis %s: ready, and messages cross gateways",
  async (name) => {
    await started.get(name);
    await using traffic = await openTraffic(name);
    await flows(traffic, 40);
    expect(given.condition(await given.readCluster(ns, name), "RedisReady")?.status).toBe("True");
  },
  240_000,
);

async function values(secret: string): Promise<Readonly<Record<string, string>>> {
  const { data } = await getObject<{ data: Record<string, string> }>(ns.name, "secrets", secret);
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]);
  return Object.fromEntries(decoded) as Record<string, string>;
}

async function redisCli(pod: string, password: string, command: string): Promise<string> {
  const script = `REDISCLI_AUTH=${password} exec redis-cli ${command} 2>&1`;
  return (await kubectl(["-n", ns.name, "exec", pod, "--", "sh", "-c", script])).trim();
}

test("one Redis with a volume: what it holds outlives its pod", async () => {
  await started.get("alone");
  await given.readyCluster(ns, "alone", 150_000);
  const { password = "" } = await values("alone-redis");
  await redisCli("alone-redis-0", password, "SET kept yes");
  const { metadata } = await getObject(ns.name, "pods", "alone-redis-0");
  await kubectl(["-n", ns.name, "delete", "pod", "alone-redis-0"]);
  await eventuallyTrue("another pod runs it", { withinMs: 90_000, everyMs: 300 }, async () => {
    const now = await getObject(ns.name, "pods", "alone-redis-0");
    return now.metadata.uid !== metadata.uid && (await redisCli("alone-redis-0", password, "PING")) === "PONG";
  });
  expect(await redisCli("alone-redis-0", password, "GET kept")).toBe("yes");
}, 240_000);

/** Ids of the gateways' connections: one that was lost and made anew has another id. */
async function connections(password: string): Promise<readonly string[]> {
  const pods = [0, 1, 2].map((at) => `watched-redis-nodes-${at}`);
  const lists = await Promise.all(pods.map((pod) => redisCli(pod, password, "CLIENT LIST")));
  return lists.flatMap((list, at) =>
    [...list.matchAll(/^id=(\d+).*name=belay-(?!replica)/gm)].map(([, id]) => `${at} ${id}`),
  );
}

test("six pods with Sentinel: another password while messages flow, no connection lost, and the old one ends everywhere", async () => {
  await started.get("watched");
  await using traffic = await openTraffic("watched");
  const { password: old = "" } = await values("watched-redis-nodes");
  const before = await connections(old);
  expect(before.length).toBeGreaterThan(3);
  await given.patchCluster(ns, "watched", { redis: { passwordVersion: 2 } });
  const { tookMs } = await eventuallyTrue("the old password is gone", { withinMs: 120_000, everyMs: 300 }, async () => {
    const now = await values("watched-redis-nodes");
    return now["password"] !== old && !("previous-password" in now) && !("next-password" in now);
  });
  console.log(`password of six pods changed in ${tookMs} ms`);
  const { password: changed = "" } = await values("watched-redis-nodes");
  expect((await connections(changed)).toSorted()).toEqual(before.toSorted());
  for (const at of [0, 1, 2]) {
    expect(await redisCli(`watched-redis-nodes-${at}`, old, "PING")).toMatch(/WRONGPASS|NOAUTH/);
    expect(await redisCli(`watched-sentinels-${at}`, old, "-p 26379 PING")).toMatch(/WRONGPASS|NOAUTH/);
  }
  await flows(traffic, 100);
  await eventuallyTrue("all six are ready", { withinMs: 90_000, everyMs: 300 }, async () => {
    const seen = given.condition(await given.readCluster(ns, "watched"), "RedisReady");
    return seen?.reason === "Connected";
  });
}, 240_000);

test("one object, a Redis Cluster: messages cross gateways, also while its list of nodes changes, which replaces no pod", async () => {
  await started.get("shards");
  await using traffic = await openTraffic("shards");
  const pods = await given.gatewayPods(ns, "shards");
  const others = await Promise.all(["shard-1", "shard-2"].map((name) => podIp(ns, name)));
  await given.patchCluster(ns, "shards", { redis: { cluster: { nodes: others.map((host) => ({ host })) } } });
  const expected = (await given.readCluster(ns, "shards")).metadata.generation;
  await eventuallyTrue("the list is applied", { withinMs: 60_000 }, async () => {
    const seen = given.condition(await given.readCluster(ns, "shards"), "ConfigApplied");
    return seen?.status === "True" && seen.observedGeneration === expected;
  });
  await flows(traffic, 100);
  expect((await given.gatewayPods(ns, "shards")).map(({ metadata }) => metadata.uid).toSorted()).toEqual(
    pods.map(({ metadata }) => metadata.uid).toSorted(),
  );
}, 240_000);
