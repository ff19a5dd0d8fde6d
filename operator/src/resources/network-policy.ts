import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta, selectorLabels } from "./labels.ts";
import type { Blueprint, Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import { REDIS_PORT } from "./redis.ts";

/** Clients from anywhere; the control port for the operator only. Kubelet's probes are exempt by specification. */
export function gatewayNetworkPolicy({ cluster, installation }: Blueprint): Manifest {
  const { name } = cluster.metadata;
  const operator = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": installation.operatorNamespace } },
  };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: childMeta(cluster, names.networkPolicy(name)),
    spec: {
      podSelector: { matchLabels: selectorLabels(name, "gateway") },
      policyTypes: ["Ingress"],
      ingress: [
        { ports: [{ port: "client", protocol: "TCP" }] },
        { from: [operator], ports: [{ port: "control", protocol: "TCP" }] },
      ],
    },
  };
}

export function redisNetworkPolicy(cluster: RealtimeCluster): Manifest {
  const { name } = cluster.metadata;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: childMeta(cluster, names.redis(name), "redis"),
    spec: {
      podSelector: { matchLabels: selectorLabels(name, "redis") },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: selectorLabels(name, "gateway") } }],
          ports: [{ port: REDIS_PORT, protocol: "TCP" }],
        },
      ],
    },
  };
}
