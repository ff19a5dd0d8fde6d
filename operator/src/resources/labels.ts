import { CLUSTER_LABEL, COMPONENT_LABEL, REVISION_LABEL, TRAFFIC_LABEL } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { ObjectMeta, OwnerReference } from "../kube/kube-client.ts";

export type Component = "gateway" | "redis" | "redis-node" | "sentinel";
type Labels = Readonly<Record<string, string>>;

/** What a selector may use: never changes for a component of a cluster. */
export function selectorLabels(cluster: string, component: Component): Labels {
  return { [CLUSTER_LABEL]: cluster, [COMPONENT_LABEL]: component };
}

export function childLabels(cluster: string, component: Component): Labels {
  return {
    ...selectorLabels(cluster, component),
    "app.kubernetes.io/name": `belay-${component}`,
    "app.kubernetes.io/instance": cluster,
    "app.kubernetes.io/component": component,
    "app.kubernetes.io/managed-by": "belay",
  };
}

/** Pods that new connections may go to. */
export function trafficSelector(cluster: string, revision: string): Labels {
  return { ...selectorLabels(cluster, "gateway"), [TRAFFIC_LABEL]: "on", [REVISION_LABEL]: revision };
}

/** The selector of all gateway pods as the string that /scale wants. */
export function scaleSelector(cluster: string): string {
  return `${CLUSTER_LABEL}=${cluster},${COMPONENT_LABEL}=gateway`;
}

function ownerOf({ metadata: { name, uid } }: Pick<RealtimeCluster, "metadata">): OwnerReference {
  return {
    apiVersion: "belay.dev/v1alpha1",
    kind: "RealtimeCluster",
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Metadata of a child: in the cluster's namespace, owned by it. */
export function childMeta(cluster: RealtimeCluster, name: string, component: Component = "gateway"): ObjectMeta {
  return {
    name,
    namespace: cluster.metadata.namespace,
    labels: childLabels(cluster.metadata.name, component),
    ownerReferences: [ownerOf(cluster)],
  };
}
