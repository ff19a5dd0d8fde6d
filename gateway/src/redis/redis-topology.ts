import { parseRedisUrl, type RedisAddress, type RedisTls } from "./redis-url.ts";

interface RedisEndpoint {
  readonly host: string;
  readonly port: number;
}

/** How to log in; the same on every server of a topology. */
export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisTls;
}

/** One server at one address. */
interface StandaloneTopology {
  readonly mode: "standalone";
  readonly address: RedisAddress;
  /** As the files say now. */
  readonly newestLogin?: () => RedisLogin;
}

/** A primary that sentinels name. */
export interface SentinelTopology {
  readonly mode: "sentinel";
  readonly sentinels: readonly RedisEndpoint[];
  readonly masterName: string;
  readonly login: RedisLogin;
  /** For the sentinels themselves; TLS is that of `login`. */
  readonly sentinelLogin: Pick<RedisLogin, "username" | "password">;
  /** The same Redis as the files say now. */
  readonly newest?: () => SentinelTopology;
}

/** A Redis Cluster, known by some of its nodes. */
export interface ClusterTopology {
  readonly mode: "cluster";
  readonly nodes: readonly RedisEndpoint[];
  readonly login: RedisLogin;
  /** The same Redis as the files say now. */
  readonly newest?: () => ClusterTopology;
}

export type RedisTopology = StandaloneTopology | SentinelTopology | ClusterTopology;

/** What one connection goes to: an address, or whatever the sentinels name. */
export type RedisTarget = StandaloneTopology | SentinelTopology;

/** Text is the URL of one server. Throws RedisUrlError. */
export function topologyOf(url: string | RedisTopology): RedisTopology {
  return typeof url === "string" ? { mode: "standalone", address: parseRedisUrl(url) } : url;
}

/** User, password and trusted authorities as they are now. */
export function newestLogin(topology: RedisTopology): RedisLogin {
  if (topology.mode !== "standalone") return (topology.newest?.() ?? topology).login;
  return topology.newestLogin?.() ?? topology.address;
}

/** For logs: never user or password. */
export function describeTarget(target: RedisTarget): string {
  if (target.mode === "standalone") return formatEndpoint(target.address);
  return `${target.masterName} of ${target.sentinels.map(formatEndpoint).join(",")}`;
}

/** `host:port`; an IPv6 address in brackets. */
export function formatEndpoint({ host, port }: RedisEndpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A server named `host:port`, as servers of a cluster and primaries name others, with the login of them all. */
export function nodeOf(name: string, topology: RedisTopology): RedisTarget {
  const colon = name.lastIndexOf(":");
  const host = name.slice(0, colon).replace(/^\[|\]$/g, "");
  const { username, password, tls } = newestLogin(topology);
  return {
    mode: "standalone",
    address: {
      host,
      port: Number(name.slice(colon + 1)),
      db: 0,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(tls && { tls }),
    },
    newestLogin: () => newestLogin(topology),
  };
}
