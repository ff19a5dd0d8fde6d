/** The managed Redis of one pod: a generated password, optionally a volume. */
import { stableHash } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childLabels, childMeta, selectorLabels } from "./labels.ts";
import type { Blueprint, Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import {
  claimRetention,
  commonRedisConfig,
  dataClaim,
  dataVolume,
  defaultRedisResources,
  managedRedis,
  REDIS_PORT,
  redisPodSpec,
  secretFiles,
} from "./redis-pod.ts";
import { containerSecurity } from "./security.ts";

const CONFIG_FILE = "/etc/redis/config/redis.conf";

export function redisConfig(cluster: RealtimeCluster): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMeta(cluster, names.redis(cluster.metadata.name), "redis"),
    data: { "redis.conf": `${commonRedisConfig(cluster).join("\n")}\n` },
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
  const storage = managedRedis(cluster)?.persistence;
  const selector = selectorLabels(name, "redis");
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: childMeta(cluster, names.redis(name), "redis"),
    spec: {
      replicas: 1,
      serviceName: names.redis(name),
      selector: { matchLabels: selector },
      persistentVolumeClaimRetentionPolicy: claimRetention,
      template: {
        metadata: {
          labels: childLabels(name, "redis"),
          // Redis reads its file once.
          annotations: { "belay.dev/config-hash": stableHash(redisConfig(cluster)["data"]) },
        },
        spec: podSpec(cluster, installation.redisImage),
      },
      ...(storage && { volumeClaimTemplates: [dataClaim(storage)] }),
    },
  };
}

function podSpec(cluster: RealtimeCluster, image: string): object {
  const { name } = cluster.metadata;
  const redis = managedRedis(cluster);
  return {
    ...redisPodSpec(cluster),
    containers: [
      {
        name: "redis",
        image,
        imagePullPolicy: "IfNotPresent",
        command: ["redis-server"],
        args: [CONFIG_FILE],
        ports: [{ name: "redis", containerPort: REDIS_PORT, protocol: "TCP" }],
        resources: redis?.resources ?? defaultRedisResources,
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
      secretFiles(names.redis(name), ["auth.conf"]),
      ...dataVolume(redis?.persistence),
    ],
  };
}
