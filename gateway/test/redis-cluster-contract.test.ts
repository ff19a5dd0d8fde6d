import { openRedisBroker, openRedisRegistry, type RedisTopology } from "@belay/gateway/internal";
import { brokerContract, inboxContract, type RedisCluster, registryContract, startRedisCluster } from "@belay/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { documentedUser } from "./redis-rights.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";
import { stateContracts } from "./state-contracts.ts";

let cluster: RedisCluster;
let url: RedisTopology;

beforeAll(async () => {
  cluster = await startRedisCluster({ password: "secret" });
  const user = await documentedUser("belay-secret");
  for (const server of cluster.servers) await cluster.call(server, "ACL", "SETUSER", ...user);
  url = clusterTopology(cluster, { username: "belay", password: "belay-secret" });
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
      openRedisBroker({ url, prefix: "belay:replicated:", nodeId, durability: () => "replicated", ...testRuntime() }),
    ...nothing,
  }),
});

inboxContract({
  name: "Redis Cluster, replicated without replicas",
  nodes: 2,
  openMedium: async () => ({
    open: () =>
      openRedisInboxes({ url, prefix: "belay:replicated:", durability: () => "replicated", ...testRuntime() }),
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

stateContracts("Redis Cluster", () => url);

test("[FT3] the documented rights were enough for all of this", async () => {
  for (const server of cluster.servers) expect(await cluster.call(server, "ACL", "LOG")).toBe("");
});
