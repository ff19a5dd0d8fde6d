/** Every child that is applied as a whole. Deployments and generated Secrets have steps of their own in plan/. */
import { RESOURCES } from "../kube/resources.ts";
import { autoscaler } from "./autoscaler.ts";
import { configMap } from "./config-map.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import type { Blueprint, Child } from "./manifest.ts";
import { gatewayNetworkPolicy, redisNetworkPolicy } from "./network-policy.ts";
import { redisConfig, redisService, redisStatefulSet } from "./redis.ts";
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
  if (cluster.spec.redis.type !== "managed") return [];
  return [
    { resource: RESOURCES.configMaps, manifest: redisConfig(cluster) },
    { resource: RESOURCES.services, manifest: redisService(cluster) },
    { resource: RESOURCES.statefulSets, manifest: redisStatefulSet(blueprint) },
    { resource: RESOURCES.networkPolicies, manifest: redisNetworkPolicy(cluster) },
  ];
}
