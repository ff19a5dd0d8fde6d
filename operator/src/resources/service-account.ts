import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";

/** Of all pods of the cluster. It may do nothing, and no pod mounts its token. */
export function serviceAccount(cluster: RealtimeCluster): Manifest {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: childMeta(cluster, names.serviceAccount(cluster.metadata.name)),
    automountServiceAccountToken: false,
  };
}
