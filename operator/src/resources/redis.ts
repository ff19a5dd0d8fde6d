/** The managed Redis: one pod, a generated password, optionally a volume. */
import { stableHash } from "@belay/protocol/control";
import type { StorageSpec } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childLabels, childMeta, selectorLabels } from "./labels.ts";
import type { Blueprint, Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import { containerSecurity, NON_ROOT_ID, podSecurity } from "./security.ts";

export const REDIS_PORT = 6379;

const CONFIG_FILE = "/etc/redis/config/redis.conf";
const defaultResources = { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "512Mi" } };

/** The managed part of the spec; `undefined` where Redis is external. */
function managed({ spec }: RealtimeCluster): Extract<typeof spec.redis, { type: "managed" }> | undefined {
  return spec.redis.type === "managed" ? spec.redis : undefined;
}

export function redisConfig(cluster: RealtimeCluster): Manifest {
  const persistent = managed(cluster)?.persistence !== undefined;
  const lines = [
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
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMeta(cluster, names.redis(cluster.metadata.name), "redis"),
    data: { "redis.conf": `${lines.join("\n")}\n` },
  };
}

export function redisService(cluster: RealtimeCluster): Manifest {
  const { name } = cluster.metadata;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMeta(cluster, names.redis(name), "redis"),
    spec: {
      selector: selectorLabels(name, "redis"),
      ports: [{ name: "redis", port: REDIS_PORT, targetPort: "redis", protocol: "TCP" }],
    },
  };
}

export function redisStatefulSet({ cluster, installation }: Blueprint): Manifest {
  const { name } = cluster.metadata;
  const storage = managed(cluster)?.persistence;
  const selector = selectorLabels(name, "redis");
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: childMeta(cluster, names.redis(name), "redis"),
    spec: {
      replicas: 1,
      serviceName: names.redis(name),
      selector: { matchLabels: selector },
      // The data belongs to the RealtimeCluster: it goes with it, and stays through everything else.
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
      template: {
        metadata: {
          labels: childLabels(name, "redis"),
          // Redis reads its file once.
          annotations: { "belay.dev/config-hash": stableHash(redisConfig(cluster)["data"]) },
        },
        spec: podSpec(cluster, installation.redisImage),
      },
      ...(storage && { volumeClaimTemplates: [claim(storage)] }),
    },
  };
}

function podSpec(cluster: RealtimeCluster, image: string): object {
  const { name } = cluster.metadata;
  const redis = managed(cluster);
  return {
    serviceAccountName: names.serviceAccount(name),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    securityContext: { ...podSecurity, fsGroup: NON_ROOT_ID },
    containers: [
      {
        name: "redis",
        image,
        imagePullPolicy: "IfNotPresent",
        command: ["redis-server"],
        args: [CONFIG_FILE],
        ports: [{ name: "redis", containerPort: REDIS_PORT, protocol: "TCP" }],
        resources: redis?.resources ?? defaultResources,
        securityContext: containerSecurity,
        readinessProbe: { tcpSocket: { port: "redis" }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 3 },
        livenessProbe: { tcpSocket: { port: "redis" }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
        volumeMounts: [
          { name: "config", mountPath: "/etc/redis/config", readOnly: true },
          { name: "auth", mountPath: "/etc/redis/auth", readOnly: true },
          { name: "data", mountPath: "/data" },
        ],
      },
    ],
    volumes: [
      { name: "config", configMap: { name: names.redis(name) } },
      {
        name: "auth",
        secret: { secretName: names.redis(name), defaultMode: 0o440, items: [{ key: "auth.conf", path: "auth.conf" }] },
      },
      ...(redis?.persistence === undefined ? [{ name: "data", emptyDir: {} }] : []),
    ],
  };
}

function claim({ size, storageClassName }: StorageSpec): object {
  return {
    metadata: { name: "data" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: size } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
  };
}
