/** Names and addresses of a managed Redis with Sentinel: what nodes, sentinels and gateways all have to know alike. */
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { names } from "./names.ts";
import { REDIS_PORT } from "./redis-pod.ts";

export const SENTINEL_PORT = 26_379;
/** By which Sentinel knows the primary. */
export const PRIMARY_NAME = "belay";
/** Redis servers, and as many sentinels: a majority survives the loss of one. */
export const SENTINEL_MEMBERS = 3;
const QUORUM = 2;

/** A pod of a headless Service: the name stays when the pod comes back with another address. */
function podHosts({ namespace }: RealtimeCluster["metadata"], service: string): readonly string[] {
  return Array.from({ length: SENTINEL_MEMBERS }, (_, ordinal) => `${service}-${ordinal}.${service}.${namespace}.svc`);
}

function nodeHosts({ metadata }: RealtimeCluster): readonly string[] {
  return podHosts(metadata, names.redisNodes(metadata.name));
}

export function sentinelHosts({ metadata }: RealtimeCluster): readonly string[] {
  return podHosts(metadata, names.sentinels(metadata.name));
}

/** 40 hexadecimal digits for each sentinel, of this RealtimeCluster and no other. */
function sentinelIds({ metadata: { uid } }: RealtimeCluster): readonly string[] {
  const digits = uid.replaceAll(/[^0-9a-f]/g, "").padEnd(39, "0");
  return Array.from({ length: SENTINEL_MEMBERS }, (_, ordinal) => `${digits.slice(0, 39)}${ordinal}`);
}

/** Milliseconds after which a node that does not answer is held to be dead, where the spec says nothing. */
const DOWN_AFTER_MS = 5_000;

function addresses(hosts: readonly string[], port: number): string {
  return hosts.map((host) => `${host}:${port}`).join(" ");
}

/** Environment of the scripts; `service` is the headless Service of the pod that runs them. */
export function scriptEnvironment(
  cluster: RealtimeCluster,
  service: string,
  port: number,
): readonly { readonly name: string; readonly [field: string]: unknown }[] {
  const { redis } = cluster.spec;
  const managed = redis.type === "managed" ? redis : undefined;
  const downAfterMs = managed?.failover?.downAfterMs ?? DOWN_AFTER_MS;
  const values = {
    SELF: `$(POD_NAME).${service}.${cluster.metadata.namespace}.svc:${port}`,
    NODES: addresses(nodeHosts(cluster), REDIS_PORT),
    SENTINELS: addresses(sentinelHosts(cluster), SENTINEL_PORT),
    IDS: sentinelIds(cluster).join(" "),
    PRIMARY_NAME,
    QUORUM: String(QUORUM),
    PERSISTENT: managed?.persistence === undefined ? "no" : "yes",
    PATIENCE: String(60 + Math.ceil((2 * downAfterMs) / 1000)),
    DOWN_AFTER_MS: String(downAfterMs),
    FAILOVER_TIMEOUT_MS: String(Math.max(15_000, 2 * downAfterMs)),
    CONFIG_FILE: "/etc/redis/config/redis.conf",
    AUTH_DIR: "/etc/redis/auth",
    DATA_DIR: "/data",
  };
  return [
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ...Object.entries(values).map(([name, value]) => ({ name, value })),
  ];
}
