/** One store per kind, each found by cluster; the reflectors in controller/ fill them. */
import { CLUSTER_LABEL } from "@belay/protocol/control";
import type { RealtimeClusterObject } from "../api/v1alpha1/realtime-cluster.ts";
import type { KubeObject, Resource } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import { keyOf, Store } from "../runtime/store.ts";
import type {
  AutoscalerObject,
  DeploymentObject,
  EndpointSliceObject,
  PodObject,
  ReplicaSetObject,
  SecretObject,
  ServiceObject,
  StatefulSetObject,
} from "./objects.ts";

/** Key of the cluster that an object's label names. */
export function clusterKeyOf({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels?.[CLUSTER_LABEL];
  return name === undefined ? undefined : keyOf({ namespace: metadata.namespace ?? "", name });
}

export interface Stores {
  readonly clusters: Store<RealtimeClusterObject>;
  readonly deployments: Store<DeploymentObject>;
  readonly replicaSets: Store<ReplicaSetObject>;
  readonly pods: Store<PodObject>;
  readonly services: Store<ServiceObject>;
  readonly endpointSlices: Store<EndpointSliceObject>;
  readonly configMaps: Store<KubeObject>;
  readonly secrets: Store<SecretObject>;
  readonly serviceAccounts: Store<KubeObject>;
  readonly podDisruptionBudgets: Store<KubeObject>;
  readonly networkPolicies: Store<KubeObject>;
  readonly horizontalPodAutoscalers: Store<AutoscalerObject>;
  readonly statefulSets: Store<StatefulSetObject>;
}

export function createStores(): Stores {
  return {
    clusters: new Store(),
    deployments: new Store(clusterKeyOf),
    replicaSets: new Store(clusterKeyOf),
    pods: new Store(clusterKeyOf),
    services: new Store(clusterKeyOf),
    endpointSlices: new Store(clusterKeyOf),
    configMaps: new Store(clusterKeyOf),
    secrets: new Store(clusterKeyOf),
    serviceAccounts: new Store(clusterKeyOf),
    podDisruptionBudgets: new Store(clusterKeyOf),
    networkPolicies: new Store(clusterKeyOf),
    horizontalPodAutoscalers: new Store(clusterKeyOf),
    statefulSets: new Store(clusterKeyOf),
  };
}

type StoreName = keyof Stores;

/** Where the objects of each store come from. */
export const STORE_RESOURCES: Readonly<Record<StoreName, Resource>> = {
  clusters: RESOURCES.realtimeClusters,
  deployments: RESOURCES.deployments,
  replicaSets: RESOURCES.replicaSets,
  pods: RESOURCES.pods,
  services: RESOURCES.services,
  endpointSlices: RESOURCES.endpointSlices,
  configMaps: RESOURCES.configMaps,
  secrets: RESOURCES.secrets,
  serviceAccounts: RESOURCES.serviceAccounts,
  podDisruptionBudgets: RESOURCES.podDisruptionBudgets,
  networkPolicies: RESOURCES.networkPolicies,
  horizontalPodAutoscalers: RESOURCES.horizontalPodAutoscalers,
  statefulSets: RESOURCES.statefulSets,
};

/** Kinds that the operator creates itself: what is ours and not wanted among them is collected. */
export const CHILD_STORES: readonly Exclude<StoreName, "clusters" | "replicaSets" | "pods" | "endpointSlices">[] = [
  "deployments",
  "services",
  "configMaps",
  "secrets",
  "serviceAccounts",
  "podDisruptionBudgets",
  "networkPolicies",
  "horizontalPodAutoscalers",
  "statefulSets",
];
