/** How gateways reach Redis: the part of their configuration, the files that it names, and the Secrets those come from. */
import type { BrokerConfig } from "@belay/protocol/control";
import type { RedisClusterSpec, RedisSentinelSpec, RedisSpec, SecretKeyRef } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { names } from "./names.ts";
import { redisFile } from "./paths.ts";
import { PRIMARY_NAME, SENTINEL_PORT, sentinelHosts } from "./sentinel-topology.ts";

/** One file in the gateways' directory for Redis. */
export interface RedisFile {
  readonly path: keyof typeof redisFile;
  readonly secret: SecretKeyRef;
  /** Field of the spec that names the Secret; `undefined` for one of the operator's. */
  readonly field: string | undefined;
}

type Login = Omit<RedisClusterSpec, "nodes">;
type External = Extract<RedisSpec, { readonly type: "external" }>;

export function redisFiles({ metadata: { name }, spec: { redis } }: RealtimeCluster): readonly RedisFile[] {
  if (redis.type === "managed") {
    const isWatched = redis.mode === "sentinel";
    const path = isWatched ? "password" : "url";
    const secret = { name: isWatched ? names.redisNodes(name) : names.redis(name), key: path };
    return [{ path, secret, field: undefined }];
  }
  return [
    ...file("url", redis.urlSecretRef, "urlSecretRef"),
    ...loginFiles(redis.sentinel, "sentinel"),
    ...loginFiles(redis.cluster, "cluster"),
    ...file("sentinelUsername", redis.sentinel?.sentinelUsernameSecretRef, "sentinel.sentinelUsernameSecretRef"),
    ...file("sentinelPassword", redis.sentinel?.sentinelPasswordSecretRef, "sentinel.sentinelPasswordSecretRef"),
    ...file("ca", redis.caSecretRef, "caSecretRef"),
  ];
}

function loginFiles({ usernameSecretRef, passwordSecretRef }: Login = {}, field: string): readonly RedisFile[] {
  return [
    ...file("username", usernameSecretRef, `${field}.usernameSecretRef`),
    ...file("password", passwordSecretRef, `${field}.passwordSecretRef`),
  ];
}

function file(path: RedisFile["path"], secret: SecretKeyRef | undefined, field: string): readonly RedisFile[] {
  return secret === undefined ? [] : [{ path, secret, field: `spec.redis.${field}` }];
}

/** The form that every gateway knows is written without `mode`. */
export function redisBroker(cluster: RealtimeCluster, prefix: string): BrokerConfig {
  const { redis } = cluster.spec;
  if (redis.type === "external") return externalBroker(redis, prefix);
  if (redis.mode !== "sentinel") return { type: "redis", urlFile: redisFile.url, prefix };
  return {
    type: "redis",
    prefix,
    mode: "sentinel",
    sentinels: sentinelHosts(cluster).map((host) => ({ host, port: SENTINEL_PORT })),
    masterName: PRIMARY_NAME,
    passwordFile: redisFile.password,
    sentinelPasswordFile: redisFile.password,
    ...(redis.durability && { durability: redis.durability }),
  };
}

/**
 * What running gateways cannot change to; `undefined` where that already shows in what is mounted. Lists of nodes are not in it: who
 * is connected stays so, and the next connection takes the newest list.
 */
export function redisIdentity({ spec: { redis } }: RealtimeCluster): string | undefined {
  if (redis.type === "managed") return undefined;
  if (redis.sentinel !== undefined) return `sentinel/${redis.sentinel.masterName}`;
  return redis.cluster === undefined ? undefined : "cluster";
}

function externalBroker({ sentinel, cluster, caSecretRef, durability }: External, prefix: string): BrokerConfig {
  const shared = {
    type: "redis",
    prefix,
    ...(caSecretRef && { caFile: redisFile.ca }),
    ...(durability && { durability }),
  } as const;
  if (sentinel !== undefined) return { ...shared, ...sentinelBroker(sentinel) };
  if (cluster !== undefined) return { ...shared, mode: "cluster", nodes: cluster.nodes, ...login(cluster) };
  return { ...shared, urlFile: redisFile.url };
}

function sentinelBroker(spec: RedisSentinelSpec): Omit<Extract<BrokerConfig, { mode: "sentinel" }>, "type"> {
  return {
    mode: "sentinel",
    sentinels: spec.nodes,
    masterName: spec.masterName,
    ...login(spec),
    ...(spec.sentinelUsernameSecretRef && { sentinelUsernameFile: redisFile.sentinelUsername }),
    ...(spec.sentinelPasswordSecretRef && { sentinelPasswordFile: redisFile.sentinelPassword }),
  };
}

function login({ usernameSecretRef, passwordSecretRef, tls }: Login): {
  readonly usernameFile?: string;
  readonly passwordFile?: string;
  readonly tls?: boolean;
} {
  return {
    ...(usernameSecretRef && { usernameFile: redisFile.username }),
    ...(passwordSecretRef && { passwordFile: redisFile.password }),
    ...(tls !== undefined && { tls }),
  };
}
