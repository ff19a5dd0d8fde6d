/** The Redis servers of a managed Redis with Sentinel: one primary and its replicas, whichever pods they are. */
import { stableHash } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childLabels, childMeta, type Component, selectorLabels } from "./labels.ts";
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
import { probeNode, startNode, startSentinel, stopNode } from "./redis-scripts.ts";
import { containerSecurity } from "./security.ts";
import { scriptEnvironment, SENTINEL_MEMBERS } from "./sentinel-topology.ts";

/** Replicas that must follow the primary for it to accept writes: one that was cut off stops within `min-replicas-max-lag`. */
const MIN_REPLICAS_TO_WRITE = 1;

/** What nodes read once. */
function nodeFiles(cluster: RealtimeCluster): Readonly<Record<string, string>> {
  const minReplicas = managedRedis(cluster)?.failover?.minReplicasToWrite ?? MIN_REPLICAS_TO_WRITE;
  const lines = [
    ...commonRedisConfig(cluster),
    `min-replicas-to-write ${minReplicas}`,
    "min-replicas-max-lag 10",
    // All alike: the one that knows most is promoted.
    "replica-priority 100",
    "replica-serve-stale-data yes",
    "repl-diskless-sync yes",
    "repl-diskless-sync-delay 0",
    "repl-backlog-size 16mb",
  ];
  return {
    "redis.conf": `${lines.join("\n")}\n`,
    "start-node.sh": startNode,
    "stop-node.sh": stopNode,
    "probe-node.sh": probeNode,
  };
}

/** Files of nodes and sentinels. */
export function redisNodesConfig(cluster: RealtimeCluster): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMeta(cluster, names.redisNodes(cluster.metadata.name), "redis-node"),
    data: { ...nodeFiles(cluster), "start-sentinel.sh": startSentinel },
  };
}

/** Pods are found by name before they are ready: that is when they have to find one another. */
export function memberService(
  cluster: RealtimeCluster,
  name: string,
  component: Component,
  port: { readonly name: string; readonly port: number },
): Manifest {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMeta(cluster, name, component),
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: selectorLabels(cluster.metadata.name, component),
      ports: [{ ...port, targetPort: port.name, protocol: "TCP" }],
    },
  };
}

/** One at a time may be evicted. */
export function memberBudget(cluster: RealtimeCluster, name: string, component: Component): Manifest {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: childMeta(cluster, name, component),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: "AlwaysAllow",
      selector: { matchLabels: selectorLabels(cluster.metadata.name, component) },
    },
  };
}

/** No two on one node: where possible, or always. */
export function memberAffinity(cluster: RealtimeCluster, component: Component): object {
  const term = {
    labelSelector: { matchLabels: selectorLabels(cluster.metadata.name, component) },
    topologyKey: "kubernetes.io/hostname",
  };
  const isRequired = managedRedis(cluster)?.failover?.antiAffinity === "required";
  return {
    podAntiAffinity: isRequired
      ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
      : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }] },
  };
}

export interface MemberSet {
  readonly cluster: RealtimeCluster;
  readonly name: string;
  readonly component: Component;
  /** A change of it replaces the pods. */
  readonly configHash: string;
  readonly podSpec: object;
  readonly claim: object | undefined;
}

/** In parallel, because members wait for one another when they start; replaced one by one, each when the one before is ready. */
export function memberStatefulSet({ cluster, name, component, configHash, podSpec, claim }: MemberSet): Manifest {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: childMeta(cluster, name, component),
    spec: {
      replicas: SENTINEL_MEMBERS,
      serviceName: name,
      podManagementPolicy: "Parallel",
      // A sentinel hears of a change within 2 s, and asks a node for its role every 10 s, or every 1 s in a failover.
      minReadySeconds: 5,
      selector: { matchLabels: selectorLabels(cluster.metadata.name, component) },
      persistentVolumeClaimRetentionPolicy: claimRetention,
      template: {
        metadata: {
          labels: childLabels(cluster.metadata.name, component),
          annotations: { "belay.dev/config-hash": configHash },
        },
        spec: podSpec,
      },
      ...(claim && { volumeClaimTemplates: [claim] }),
    },
  };
}

/** A sentinel does nothing while it waits for a name, and nothing for 30 s after it has waited for 2 s. */
export const impatientNames = {
  dnsConfig: {
    options: [
      { name: "timeout", value: "1" },
      { name: "attempts", value: "1" },
    ],
  },
} as const;

function script(file: string): readonly string[] {
  return ["/bin/sh", `/etc/redis/config/${file}`];
}

export function redisNodesStatefulSet({ cluster, installation }: Blueprint): Manifest {
  const name = names.redisNodes(cluster.metadata.name);
  const redis = managedRedis(cluster);
  return memberStatefulSet({
    cluster,
    name,
    component: "redis-node",
    configHash: stableHash(nodeFiles(cluster)),
    claim: redis?.persistence && dataClaim(redis.persistence),
    podSpec: {
      ...redisPodSpec(cluster),
      ...impatientNames,
      affinity: memberAffinity(cluster, "redis-node"),
      containers: [
        {
          name: "redis",
          image: installation.redisImage,
          imagePullPolicy: "IfNotPresent",
          command: script("start-node.sh"),
          env: scriptEnvironment(cluster, name, REDIS_PORT),
          ports: [{ name: "redis", containerPort: REDIS_PORT, protocol: "TCP" }],
          resources: redis?.resources ?? defaultRedisResources,
          securityContext: containerSecurity,
          lifecycle: { preStop: { exec: { command: script("stop-node.sh") } } },
          // A node starts when the sentinels agree, and Redis when it has read its data: nobody may end it for waiting.
          startupProbe: { tcpSocket: { port: "redis" }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 3600 },
          readinessProbe: {
            exec: { command: script("probe-node.sh") },
            periodSeconds: 2,
            timeoutSeconds: 3,
            failureThreshold: 2,
          },
          livenessProbe: { tcpSocket: { port: "redis" }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
          volumeMounts: [
            { name: "config", mountPath: "/etc/redis/config", readOnly: true },
            { name: "auth", mountPath: "/etc/redis/auth", readOnly: true },
            { name: "data", mountPath: "/data" },
          ],
        },
      ],
      volumes: [
        { name: "config", configMap: { name } },
        secretFiles(name, ["auth.conf", "password"]),
        ...dataVolume(redis?.persistence),
      ],
    },
  });
}
