import { openRedisBroker, openRedisRegistry, type RedisTopology } from "@belay/gateway/internal";
import {
  brokerContract,
  inboxContract,
  registryContract,
  type SentinelGroup,
  startSentinelGroup,
} from "@belay/testkit";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { documentedSentinelUser, documentedUser } from "./redis-rights.ts";
import { sentinelTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";
import { stateContracts } from "./state-contracts.ts";

let group: SentinelGroup;
let url: RedisTopology;

beforeAll(async () => {
  group = await startSentinelGroup({ password: "redis-secret", sentinelPassword: "sentinel-secret" });
  const user = await documentedUser("belay-secret");
  for (const server of group.servers) await group.call(server, "ACL", "SETUSER", ...user);
  const asker = await documentedSentinelUser("asker-secret");
  await Promise.all(group.sentinels.map((sentinel) => callSentinel(sentinel, "SETUSER", ...asker)));
  url = sentinelTopology(group, {
    username: "belay",
    password: "belay-secret",
    sentinelLogin: { username: "belay", password: "asker-secret" },
  });
}, 40_000);
afterAll(() => group[Symbol.asyncDispose]());

/** ACL, as the sentinel's own user. */
async function callSentinel({ port }: { readonly port: number }, ...args: readonly string[]): Promise<unknown> {
  const client = new Redis({ port, password: "sentinel-secret" });
  try {
    return await client.call("ACL", ...args);
  } finally {
    client.disconnect();
  }
}

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
      openRedisBroker({ url, prefix: "belay:replicated:", nodeId, durability: () => "replicated", ...testRuntime() }),
    ...nothing,
  }),
});

inboxContract({
  name: "Redis with sentinels, replicated",
  nodes: 2,
  openMedium: async () => ({
    open: () =>
      openRedisInboxes({ url, prefix: "belay:replicated:", durability: () => "replicated", ...testRuntime() }),
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

stateContracts("Redis with sentinels", () => url);

test("[FT3] the documented rights were enough for all of this", async () => {
  for (const server of group.servers) expect(await group.call(server, "ACL", "LOG")).toBe("");
  expect(await Promise.all(group.sentinels.map((sentinel) => callSentinel(sentinel, "LOG")))).toEqual([[], [], []]);
});
