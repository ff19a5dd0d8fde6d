import type { Resource } from "./kube-client.ts";

function namespaced(apiVersion: string, kind: string, plural: string): Resource {
  return { apiVersion, kind, plural, namespaced: true };
}

function clusterScoped(apiVersion: string, kind: string, plural: string): Resource {
  return { apiVersion, kind, plural, namespaced: false };
}

export type ResourceName =
  | "realtimeClusters"
  | "deployments"
  | "replicaSets"
  | "statefulSets"
  | "pods"
  | "services"
  | "endpointSlices"
  | "configMaps"
  | "secrets"
  | "serviceAccounts"
  | "podDisruptionBudgets"
  | "networkPolicies"
  | "horizontalPodAutoscalers"
  | "leases"
  | "events"
  | "nodes"
  | "apiServices"
  | "clusterRoles"
  | "subjectAccessReviews";

/** Every kind the operator reads or writes. */
export const RESOURCES: Readonly<Record<ResourceName, Resource>> = {
  realtimeClusters: namespaced("belay.dev/v1alpha1", "RealtimeCluster", "realtimeclusters"),
  deployments: namespaced("apps/v1", "Deployment", "deployments"),
  replicaSets: namespaced("apps/v1", "ReplicaSet", "replicasets"),
  statefulSets: namespaced("apps/v1", "StatefulSet", "statefulsets"),
  pods: namespaced("v1", "Pod", "pods"),
  services: namespaced("v1", "Service", "services"),
  endpointSlices: namespaced("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
  configMaps: namespaced("v1", "ConfigMap", "configmaps"),
  secrets: namespaced("v1", "Secret", "secrets"),
  serviceAccounts: namespaced("v1", "ServiceAccount", "serviceaccounts"),
  podDisruptionBudgets: namespaced("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  networkPolicies: namespaced("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  horizontalPodAutoscalers: namespaced("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
  leases: namespaced("coordination.k8s.io/v1", "Lease", "leases"),
  events: namespaced("events.k8s.io/v1", "Event", "events"),
  nodes: clusterScoped("v1", "Node", "nodes"),
  apiServices: clusterScoped("apiregistration.k8s.io/v1", "APIService", "apiservices"),
  clusterRoles: clusterScoped("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
  subjectAccessReviews: clusterScoped("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews"),
};
