/** Defaults that the CRD must not have: with one for replicas, an apply without the field would take a scaled cluster back to it. */
import type { RealtimeCluster } from "./realtime-cluster.ts";

const DEFAULT_REPLICAS = 2;

/** Gateway pods that are wanted; the operator writes this number where the user has left `replicas` out. */
export function desiredReplicas({ spec }: Pick<RealtimeCluster, "spec">): number {
  return spec.replicas ?? spec.autoscaling?.minReplicas ?? DEFAULT_REPLICAS;
}
