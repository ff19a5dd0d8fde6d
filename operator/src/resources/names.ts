/** Names of all children. Every one begins with the cluster's name, so that two clusters meet only by a collision that is reported. */

export const names = {
  service: (cluster: string): string => cluster,
  headlessService: (cluster: string): string => `${cluster}-pods`,
  serviceAccount: (cluster: string): string => cluster,
  config: (cluster: string): string => `${cluster}-config`,
  /** Generated once and kept: api-key, control-token, hmac. */
  keys: (cluster: string): string => `${cluster}-keys`,
  networkPolicy: (cluster: string): string => cluster,
  autoscaler: (cluster: string): string => cluster,
  /** The Deployment and the PodDisruptionBudget of one revision. */
  revision: (cluster: string, revision: string): string => `${cluster}-${revision}`,
  /** StatefulSet, Service, ConfigMap, Secret and NetworkPolicy of the managed Redis. */
  redis: (cluster: string): string => `${cluster}-redis`,
  /** The same of a managed Redis with Sentinel. At most 52 characters: the controller of StatefulSets makes labels of them. */
  redisNodes: (cluster: string): string => `${cluster}-redis-nodes`,
  sentinels: (cluster: string): string => `${cluster}-sentinels`,
} as const;
