import type { RedisTopology } from "@belay/gateway/internal";
import type { RedisCluster, SentinelGroup } from "@belay/testkit";

interface Login {
  /** Default: the server's default user. */
  readonly username?: string;
  readonly password?: string;
}

/** How a gateway reaches a group that was started with these passwords. */
export function sentinelTopology(
  { sentinels, masterName }: SentinelGroup,
  { sentinelLogin = {}, ...login }: Login & { readonly sentinelLogin?: Login } = {},
): RedisTopology {
  return {
    mode: "sentinel",
    sentinels,
    masterName,
    login,
    sentinelLogin,
  };
}

/** Known by its first node only. */
export function clusterTopology({ nodes }: RedisCluster, login: Login = {}): RedisTopology {
  return { mode: "cluster", nodes: nodes.slice(0, 1), login };
}
