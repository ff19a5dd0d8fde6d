import { openRedisBroker, openRedisRegistry, type RedisTopology } from "@belay/gateway/internal";
import {
  brokerContract,
  inboxContract,
  registryContract,
  type SentinelGroup,
  startSentinelGroup,
} from "@belay/testkit";
import { afterAll, beforeAll } from "vitest";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { sentinelTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

let group: SentinelGroup;
let url: RedisTopology;

beforeAll(async () => {
  group = await startSentinelGroup({ password: "redis-secret", sentinelPassword: "sentinel-secret" });
  url = sentinelTopology(group, { password: "redis-secret", sentinelPassword: "sentinel-secret" });
}, 40_000);
afterAll(() => group[Symbol.asyncDispose]());

/** All contracts share one group: it takes seconds to start. */
const nothing = { [Symbol.asyncDispose]: () => Promise.resolve() };

brokerContract({
  name: "Redis with sentinels",
  nodes: 2,
  openMedium: async () => ({
    open: (nodeId = "") => openRedisBroker({ url, prefix: "belay:", nodeId, ...testRuntime() }),
    ...nothing,
  }),
});

brokerContract({
  name: "Redis with sentinels, replicated",
  nodes: 2,
  openMedium: async () => ({
    open: (nodeId = "") =>
      openRedisBroker({ url, prefix: "replicated:", nodeId, durability: () => "replicated", ...testRuntime() }),
    ...nothing,
  }),
});

inboxContract({
  name: "Redis with sentinels, replicated",
  nodes: 2,
  openMedium: async () => ({
    open: () => openRedisInboxes({ url, prefix: "replicated:", durability: () => "replicated", ...testRuntime() }),
    ...nothing,
  }),
});

registryContract({
  name: "Redis with sentinels",
  nodes: 2,
  openMedium: async () => ({
    open: (podUid, revision) =>
      openRedisRegistry({
        url,
        prefix: "belay:",
        podUid,
        revision,
        timing: { beatIntervalMs: 300 },
        ...testRuntime(),
      }),
    ...nothing,
  }),
});
