import { REVISION_LABEL } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta, selectorLabels } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";

/** One for each revision: a single one would count a broken new revision against the healthy old pods. */
export function disruptionBudget(cluster: RealtimeCluster, revision: string): Manifest {
  const { name } = cluster.metadata;
  const meta = childMeta(cluster, names.revision(name, revision));
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { ...meta, labels: { ...meta.labels, [REVISION_LABEL]: revision } },
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: "AlwaysAllow",
      selector: { matchLabels: { ...selectorLabels(name, "gateway"), [REVISION_LABEL]: revision } },
    },
  };
}
