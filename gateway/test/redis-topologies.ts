import type { RedisTopology } from "@belay/gateway/internal";
import type { RedisCluster, SentinelGroup } from "@belay/testkit";

/** How a gateway reaches a group that was started with these passwords. */
export function sentinelTopology(
  { sentinels, masterName }: SentinelGroup,
  { password, sentinelPassword }: { readonly password?: string; readonly sentinelPassword?: string } = {},
): RedisTopology {
  return {
    mode: "sentinel",
    sentinels,
    masterName,
    login: { ...(password !== undefined && { password }) },
    sentinelLogin: { ...(sentinelPassword !== undefined && { password: sentinelPassword }) },
  };
}

/** Known by its first node only. */
export function clusterTopology({ nodes }: RedisCluster, password?: string): RedisTopology {
  return { mode: "cluster", nodes: nodes.slice(0, 1), login: { ...(password !== undefined && { password }) } };
}
