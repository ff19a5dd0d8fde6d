import type { RedisTopology } from "@belay/gateway/internal";
import type { SentinelGroup } from "@belay/testkit";

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
