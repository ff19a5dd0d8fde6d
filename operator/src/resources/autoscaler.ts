import type { AutoscalingSpec } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";

/** Name of the metric in custom.metrics.k8s.io. */
const CONNECTIONS_METRIC = "connections";

/** Every removed pod moves its clients: slowly, and never without a limit, also where the user set only a part. */
const safeScaleDown = {
  stabilizationWindowSeconds: 300,
  selectPolicy: "Max",
  policies: [
    { type: "Percent", value: 10, periodSeconds: 60 },
    { type: "Pods", value: 1, periodSeconds: 60 },
  ],
} as const;

/**
 * Targets the RealtimeCluster with an Object metric: the clients of all revisions over the wanted pods. A Pods metric would halve
 * during a surge and scale down in the middle of a rollout.
 */
export function autoscaler(cluster: RealtimeCluster, autoscaling: AutoscalingSpec): Manifest {
  const { name } = cluster.metadata;
  const target = { apiVersion: "belay.dev/v1alpha1", kind: "RealtimeCluster", name };
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: childMeta(cluster, names.autoscaler(name)),
    spec: {
      scaleTargetRef: target,
      minReplicas: autoscaling.minReplicas,
      maxReplicas: autoscaling.maxReplicas,
      metrics: [
        {
          type: "Object",
          object: {
            describedObject: target,
            metric: { name: CONNECTIONS_METRIC },
            target: { type: "AverageValue", averageValue: String(autoscaling.targetConnectionsPerPod) },
          },
        },
      ],
      behavior: {
        ...(autoscaling.behavior?.scaleUp && { scaleUp: autoscaling.behavior.scaleUp }),
        scaleDown: { ...safeScaleDown, ...autoscaling.behavior?.scaleDown },
      },
    },
  };
}
