import type { ClusterTopology, RedisLogin, RedisTopology, SentinelTopology } from "./redis-topology.ts";
import type { RedisAddress } from "./redis-url.ts";

/**
 * The same Redis; every attempt to connect takes user, password, trusted authorities and lists of nodes from what the files hold
 * then. What is another Redis (another mode, or a primary of another name) is for the next start.
 */
export function followed(topology: RedisTopology, source: () => RedisTopology | undefined): RedisTopology {
  switch (topology.mode) {
    case "standalone":
      return { ...topology, newestLogin: () => loginNow(topology.address, source()) };
    case "sentinel":
      return { ...topology, newest: () => sentinelsNow(topology, source()) };
    case "cluster":
      return { ...topology, newest: () => clusterNow(topology, source()) };
  }
}

/** The address stays, and with it the name that its certificate has to bear. */
function loginNow(address: RedisAddress, now: RedisTopology | undefined): RedisLogin {
  if (now?.mode !== "standalone") return address;
  const { username, password, tls } = now.address;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(address.tls && { tls: { ...address.tls, ...(tls?.ca !== undefined && { ca: tls.ca }) } }),
  };
}

function sentinelsNow(topology: SentinelTopology, now: RedisTopology | undefined): SentinelTopology {
  return now?.mode === "sentinel" && now.masterName === topology.masterName ? now : topology;
}

function clusterNow(topology: ClusterTopology, now: RedisTopology | undefined): ClusterTopology {
  return now?.mode === "cluster" ? now : topology;
}
