import type { RedisTopology } from "@belay/gateway/internal";
import { type SentinelGroup, startSentinelGroup } from "@belay/testkit";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { documentedSentinelUser, documentedUser } from "./redis-rights.ts";
import { sentinelTopology } from "./redis-topologies.ts";
import { sharedRedisContracts } from "./shared-redis-contracts.ts";

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

sharedRedisContracts({
  name: "Redis with sentinels",
  replicatedName: "Redis with sentinels, replicated",
  url: () => url,
});

test("[FT3] the documented rights were enough for all of this", async () => {
  for (const server of group.servers) expect(await group.call(server, "ACL", "LOG")).toBe("");
  expect(await Promise.all(group.sentinels.map((sentinel) => callSentinel(sentinel, "LOG")))).toEqual([[], [], []]);
});
