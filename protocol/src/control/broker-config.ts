/** What carries publications between gateways and keeps what they share. */
export type BrokerConfig =
  | { readonly type: "memory" }
  | StandaloneBrokerConfig
  | SentinelBrokerConfig
  | ClusterBrokerConfig;

/** Every form of Redis has these. */
export interface RedisBrokerShared {
  readonly type: "redis";
  /** Before every key and pub/sub channel; two clusters on one Redis must differ in it. Default `belay:`. */
  readonly prefix?: string;
  /**
   * *hot* `fast`: a publication is delivered as it is written, and a failover ends epochs. `replicated`: nobody sees it before every
   * replica that answers has it, and epochs outlive a failover; gateways must reach the replicas. Default `fast`.
   */
  readonly durability?: "fast" | "replicated";
  /** File with PEM certificates that Redis is trusted by, instead of the system's; only with TLS. */
  readonly caFile?: string;
}

/** One server at one address. */
export interface StandaloneBrokerConfig extends RedisBrokerShared {
  /** `standalone` may be left out. `sentinel`: a primary that sentinels name. `cluster`: a Redis Cluster. */
  readonly mode?: "standalone";
  /** File with `redis://[user][:password]@host[:port][/db]`, `rediss://` for TLS. */
  readonly urlFile: string;
}

/** Where a server is. */
export interface RedisNodeConfig {
  readonly host: string;
  readonly port?: number;
}

/** How to log in to several servers: all have the same users. What the files hold counts for the next connection. */
export interface RedisLoginConfig {
  /** File with the ACL user; without one the password is that of the default user. */
  readonly usernameFile?: string;
  readonly passwordFile?: string;
  /** TLS to every server, sentinels included. Default `false`. */
  readonly tls?: boolean;
}

/** A primary with replicas, watched by sentinels. */
export interface SentinelBrokerConfig extends RedisBrokerShared, RedisLoginConfig {
  readonly mode: "sentinel";
  /** Any of them is asked for the primary. *hot* Another list counts for the next connection. */
  readonly sentinels: readonly RedisNodeConfig[];
  /** The name that the sentinels know the primary by. */
  readonly masterName: string;
  /** As `usernameFile`, for the sentinels themselves. */
  readonly sentinelUsernameFile?: string;
  readonly sentinelPasswordFile?: string;
}

/** A Redis Cluster. */
export interface ClusterBrokerConfig extends RedisBrokerShared, RedisLoginConfig {
  readonly mode: "cluster";
  /** Some of its nodes; the others are learnt from them. *hot* Another list counts for the next connection. */
  readonly nodes: readonly RedisNodeConfig[];
}
