import { REVISION_LABEL } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta, selectorLabels } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import type { Revision } from "./pod-template.ts";

/**
 * One revision's Deployment without `replicas`: that field changes only by JSON patches with a test, and an apply that once owned
 * it and then leaves it out would reset it to 1.
 *
 * `paused` as soon as the ReplicaSet exists: a template that a hand or another release changes would otherwise roll the pods
 * undrained. Paused at creation it would make no ReplicaSet.
 */
export function gatewayDeployment(cluster: RealtimeCluster, { hash, template }: Revision, paused: boolean): Manifest {
  const name = names.revision(cluster.metadata.name, hash);
  const meta = childMeta(cluster, name);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...meta, labels: { ...meta.labels, [REVISION_LABEL]: hash } },
    spec: {
      paused,
      revisionHistoryLimit: 0,
      selector: { matchLabels: { ...selectorLabels(cluster.metadata.name, "gateway"), [REVISION_LABEL]: hash } },
      // Should it ever roll after all: one new pod at a time, and none of the old ones before.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template,
    },
  };
}

/** For the creation only: the same with the first number of pods. */
export function withReplicas(deployment: Manifest, replicas: number): Manifest {
  return { ...deployment, spec: { ...(deployment["spec"] as object), replicas } };
}
