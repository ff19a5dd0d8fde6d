/** Every child that is applied as a whole. Deployments and generated Secrets have steps of their own in plan/. */
import { RESOURCES } from "../kube/resources.ts";
import { autoscaler } from "./autoscaler.ts";
import { configMap } from "./config-map.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import type { Blueprint, Child } from "./manifest.ts";
import { names } from "./names.ts";
import {
  gatewayNetworkPolicy,
  redisNetworkPolicy,
  redisNodesNetworkPolicy,
  sentinelNetworkPolicy,
} from "./network-policy.ts";
import { redisConfig, redisService, redisStatefulSet } from "./redis.ts";
import { memberBudget, memberService, redisNodesConfig, redisNodesStatefulSet } from "./redis-nodes.ts";
import { hasSentinels, isStandalone, REDIS_PORT } from "./redis-pod.ts";
import { SENTINEL_PORT } from "./sentinel-topology.ts";
import { sentinelStatefulSet } from "./sentinels.ts";
import { clientService, headlessService } from "./service.ts";
import { serviceAccount } from "./service-account.ts";

/** `revisions`: those that have a Deployment. `servingRevision`: where the Service sends new connections. */
export function appliedChildren(
  blueprint: Blueprint,
  servingRevision: string,
  revisions: readonly string[],
): readonly Child[] {
  const { cluster } = blueprint;
  const { autoscaling } = cluster.spec;
  return [
    { resource: RESOURCES.serviceAccounts, manifest: serviceAccount(cluster) },
    { resource: RESOURCES.configMaps, manifest: configMap(cluster) },
    ...redisChildren(blueprint),
    { resource: RESOURCES.networkPolicies, manifest: gatewayNetworkPolicy(blueprint) },
    { resource: RESOURCES.services, manifest: headlessService(cluster) },
    { resource: RESOURCES.services, manifest: clientService(cluster, servingRevision) },
    ...revisions.map((revision) => ({
      resource: RESOURCES.podDisruptionBudgets,
      manifest: disruptionBudget(cluster, revision),
    })),
    ...(autoscaling === undefined
      ? []
      : [{ resource: RESOURCES.horizontalPodAutoscalers, manifest: autoscaler(cluster, autoscaling) }]),
  ];
}

function redisChildren(blueprint: Blueprint): readonly Child[] {
  const { cluster } = blueprint;
  if (isStandalone(cluster)) {
    return [
      { resource: RESOURCES.configMaps, manifest: redisConfig(cluster) },
      { resource: RESOURCES.services, manifest: redisService(cluster) },
      { resource: RESOURCES.statefulSets, manifest: redisStatefulSet(blueprint) },
      { resource: RESOURCES.networkPolicies, manifest: redisNetworkPolicy(blueprint) },
    ];
  }
  return hasSentinels(cluster) ? sentinelChildren(blueprint) : [];
}

function sentinelChildren(blueprint: Blueprint): readonly Child[] {
  const { cluster } = blueprint;
  const { name } = cluster.metadata;
  const nodes = names.redisNodes(name);
  const sentinels = names.sentinels(name);
  const redisPort = { name: "redis", port: REDIS_PORT };
  const sentinelPort = { name: "sentinel", port: SENTINEL_PORT };
  return [
    { resource: RESOURCES.configMaps, manifest: redisNodesConfig(cluster) },
    { resource: RESOURCES.services, manifest: memberService(cluster, nodes, "redis-node", redisPort) },
    { resource: RESOURCES.services, manifest: memberService(cluster, sentinels, "sentinel", sentinelPort) },
    { resource: RESOURCES.statefulSets, manifest: redisNodesStatefulSet(blueprint) },
    { resource: RESOURCES.statefulSets, manifest: sentinelStatefulSet(blueprint) },
    { resource: RESOURCES.podDisruptionBudgets, manifest: memberBudget(cluster, nodes, "redis-node") },
    { resource: RESOURCES.podDisruptionBudgets, manifest: memberBudget(cluster, sentinels, "sentinel") },
    { resource: RESOURCES.networkPolicies, manifest: redisNodesNetworkPolicy(blueprint) },
    { resource: RESOURCES.networkPolicies, manifest: sentinelNetworkPolicy(blueprint) },
  ];
}
