/** What the pods of every managed Redis have in common. */
import type { RealtimeClusterSpec, StorageSpec } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { names } from "./names.ts";
import { NON_ROOT_ID, podSecurity } from "./security.ts";

export const REDIS_PORT = 6379;

type ManagedRedis = Extract<RealtimeClusterSpec["redis"], { readonly type: "managed" }>;

/** The managed part of the spec; `undefined` where Redis is external. */
export function managedRedis({ spec }: RealtimeCluster): ManagedRedis | undefined {
  return spec.redis.type === "managed" ? spec.redis : undefined;
}

/** A managed Redis that is one pod. */
export function isStandalone(cluster: RealtimeCluster): boolean {
  const redis = managedRedis(cluster);
  return redis !== undefined && redis.mode !== "sentinel";
}

/** A managed Redis of several pods that Sentinel watches. */
export function hasSentinels(cluster: RealtimeCluster): boolean {
  return managedRedis(cluster)?.mode === "sentinel";
}

export const defaultRedisResources = { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "512Mi" } } as const;

/** Lines that hold for each Redis server, wherever it runs. */
export function commonRedisConfig(cluster: RealtimeCluster): readonly string[] {
  const persistent = managedRedis(cluster)?.persistence !== undefined;
  return [
    `port ${REDIS_PORT}`,
    "bind * -::*",
    "protected-mode no",
    "dir /data",
    'save ""',
    `appendonly ${persistent ? "yes" : "no"}`,
    "appendfsync everysec",
    // Evicted keys would be lost history that looks like no history.
    "maxmemory-policy noeviction",
    "include /etc/redis/auth/auth.conf",
  ];
}

export function redisPodSpec(cluster: RealtimeCluster): object {
  return {
    serviceAccountName: names.serviceAccount(cluster.metadata.name),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    securityContext: { ...podSecurity, fsGroup: NON_ROOT_ID },
  };
}

/** `/data` of a pod: a volume that stays with its name, or a directory that goes with it. */
export function dataVolume(storage: StorageSpec | undefined): readonly object[] {
  return storage === undefined ? [{ name: "data", emptyDir: {} }] : [];
}

export function dataClaim({ size, storageClassName }: StorageSpec): object {
  return {
    metadata: { name: "data" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: size } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
  };
}

/** The data belongs to the RealtimeCluster: it goes with it, and stays through everything else. */
export const claimRetention = { whenDeleted: "Delete", whenScaled: "Retain" } as const;

export function secretFiles(secretName: string, keys: readonly string[]): object {
  return {
    name: "auth",
    secret: { secretName, defaultMode: 0o440, items: keys.map((key) => ({ key, path: key })) },
  };
}
