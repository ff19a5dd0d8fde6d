import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta, type Component, selectorLabels } from "./labels.ts";
import type { Blueprint, Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import { REDIS_PORT } from "./redis-pod.ts";
import { SENTINEL_PORT } from "./sentinel-topology.ts";

/** Clients from anywhere; the control port for the operator only. Kubelet's probes are exempt by specification. */
export function gatewayNetworkPolicy({ cluster, installation }: Blueprint): Manifest {
  const { name } = cluster.metadata;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: childMeta(cluster, names.networkPolicy(name)),
    spec: {
      podSelector: { matchLabels: selectorLabels(name, "gateway") },
      policyTypes: ["Ingress"],
      ingress: [
        { ports: [{ port: "client", protocol: "TCP" }] },
        { from: [operatorOf(installation)], ports: [{ port: "control", protocol: "TCP" }] },
      ],
    },
  };
}

/** The operator changes the password. */
export function redisNetworkPolicy({ cluster, installation }: Blueprint): Manifest {
  return redisPolicy(cluster, names.redis(cluster.metadata.name), "redis", ["gateway", operatorOf(installation)]);
}

function operatorOf({ operatorNamespace }: Blueprint["installation"]): Readonly<Record<string, unknown>> {
  return { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": operatorNamespace } } };
}

/** Replicas follow the primary, sentinels watch all; the operator changes passwords. */
export function redisNodesNetworkPolicy({ cluster, installation }: Blueprint): Manifest {
  const from = ["gateway", "redis-node", "sentinel", operatorOf(installation)] as const;
  return redisPolicy(cluster, names.redisNodes(cluster.metadata.name), "redis-node", from);
}

/** Gateways and Redis servers ask who is primary; the operator changes passwords. */
export function sentinelNetworkPolicy({ cluster, installation }: Blueprint): Manifest {
  const from = ["gateway", "redis-node", "sentinel", operatorOf(installation)] as const;
  return redisPolicy(cluster, names.sentinels(cluster.metadata.name), "sentinel", from);
}

function redisPolicy(
  cluster: RealtimeCluster,
  name: string,
  component: Exclude<Component, "gateway">,
  from: readonly (Component | Readonly<Record<string, unknown>>)[],
): Manifest {
  const selector = (each: Component): object => ({ matchLabels: selectorLabels(cluster.metadata.name, each) });
  const port = component === "sentinel" ? SENTINEL_PORT : REDIS_PORT;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: childMeta(cluster, name, component),
    spec: {
      podSelector: selector(component),
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: from.map((each) => (typeof each === "string" ? { podSelector: selector(each) } : each)),
          ports: [{ port, protocol: "TCP" }],
        },
      ],
    },
  };
}
