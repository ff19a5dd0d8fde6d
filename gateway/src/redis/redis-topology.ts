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
  /** User and password as they are now: they may change while the gateway runs. */
  readonly newestLogin?: () => Pick<RedisLogin, "username" | "password">;
}

/** A primary that sentinels name. */
export interface SentinelTopology {
  readonly mode: "sentinel";
  readonly sentinels: readonly RedisEndpoint[];
  readonly masterName: string;
  readonly login: RedisLogin;
  /** For the sentinels themselves; TLS is that of `login`. */
  readonly sentinelLogin: Pick<RedisLogin, "username" | "password">;
}

/** A Redis Cluster, known by some of its nodes. */
export interface ClusterTopology {
  readonly mode: "cluster";
  readonly nodes: readonly RedisEndpoint[];
  readonly login: RedisLogin;
}

export type RedisTopology = StandaloneTopology | SentinelTopology | ClusterTopology;

/** What one connection goes to: an address, or whatever the sentinels name. */
export type RedisTarget = StandaloneTopology | SentinelTopology;

/** Text is the URL of one server. Throws RedisUrlError. */
export function topologyOf(url: string | RedisTopology): RedisTopology {
  return typeof url === "string" ? { mode: "standalone", address: parseRedisUrl(url) } : url;
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

/** Of a server named `host:port`, as servers of a cluster name each other. */
export function addressOf(name: string, login: RedisLogin): RedisAddress {
  const colon = name.lastIndexOf(":");
  const host = name.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(name.slice(colon + 1)), db: 0, ...login };
}
