import { openRedisBroker, openRedisRegistry, type RedisTopology } from "@belay/gateway/internal";
import { brokerContract, inboxContract, type RedisCluster, registryContract, startRedisCluster } from "@belay/testkit";
import { afterAll, beforeAll } from "vitest";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

let cluster: RedisCluster;
let url: RedisTopology;

beforeAll(async () => {
  cluster = await startRedisCluster({ password: "secret" });
  url = clusterTopology(cluster, "secret");
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

/** All contracts share one cluster: it takes seconds to start. */
const nothing = { [Symbol.asyncDispose]: () => Promise.resolve() };

brokerContract({
  name: "Redis Cluster",
  nodes: 2,
  openMedium: async () => ({
    open: (nodeId = "") => openRedisBroker({ url, prefix: "belay:", nodeId, ...testRuntime() }),
    ...nothing,
  }),
});

brokerContract({
  name: "Redis Cluster, replicated without replicas",
  nodes: 2,
  openMedium: async () => ({
    open: (nodeId = "") =>
      openRedisBroker({ url, prefix: "replicated:", nodeId, durability: () => "replicated", ...testRuntime() }),
    ...nothing,
  }),
});

inboxContract({
  name: "Redis Cluster, replicated without replicas",
  nodes: 2,
  openMedium: async () => ({
    open: () => openRedisInboxes({ url, prefix: "replicated:", durability: () => "replicated", ...testRuntime() }),
    ...nothing,
  }),
});

registryContract({
  name: "Redis Cluster",
  nodes: 2,
  openMedium: async () => ({
    open: (podUid, revision) =>
      openRedisRegistry({ url, prefix: "belay:", podUid, revision, timing: { beatIntervalMs: 300 }, ...testRuntime() }),
    ...nothing,
  }),
});
