/** Deployments, ReplicaSets and pods of a cluster, put together by their owners. */
import { REVISION_LABEL } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { KubeObject } from "../kube/kube-client.ts";
import type { ObservedReplicaSet, ObservedRevision } from "../plan/observed.ts";
import type { PodTemplate } from "../resources/pod-template.ts";
import type { DeploymentObject, PodObject, ReplicaSetObject } from "./objects.ts";
import { observePod, type PodContext } from "./pod.ts";

export interface RevisionSources {
  readonly deployments: readonly DeploymentObject[];
  readonly replicaSets: readonly ReplicaSetObject[];
  readonly pods: readonly PodObject[];
  readonly contextOf: (pod: PodObject) => PodContext;
}

/** Added by the Deployment's controller; no part of what we wrote. */
const HASH_LABEL = "pod-template-hash";

export function observeRevisions(cluster: RealtimeCluster, sources: RevisionSources): readonly ObservedRevision[] {
  return sources.deployments
    .filter((deployment) => isOwnedBy(deployment, cluster.metadata.uid))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((deployment) => observeRevision(deployment, sources));
}

function observeRevision(
  deployment: DeploymentObject,
  { replicaSets, pods, contextOf }: RevisionSources,
): ObservedRevision {
  const { metadata, spec } = deployment;
  const owned = replicaSets.filter((each) => isOwnedBy(each, metadata.uid ?? ""));
  const uids = new Set(owned.map((each) => each.metadata.uid));
  return {
    hash: metadata.labels?.[REVISION_LABEL] ?? "",
    deployment: {
      name: metadata.name,
      uid: metadata.uid ?? "",
      resourceVersion: metadata.resourceVersion ?? "",
      replicas: spec?.replicas ?? 1,
      live: deployment,
      template: withoutHash(spec?.template),
    },
    replicaSets: owned.map(observeReplicaSet),
    pods: pods
      .filter(({ metadata: { ownerReferences = [] } }) => ownerReferences.some(({ uid }) => uids.has(uid)))
      .map((pod) => observePod(pod, contextOf(pod))),
  };
}

function observeReplicaSet({ metadata, spec, status = {} }: ReplicaSetObject): ObservedReplicaSet {
  return {
    uid: metadata.uid ?? "",
    specReplicas: spec?.replicas ?? 1,
    statusReplicas: status.replicas ?? 0,
    fullyLabeledReplicas: status.fullyLabeledReplicas ?? 0,
    readyReplicas: status.readyReplicas ?? 0,
    settled: status.observedGeneration === metadata.generation,
    template: withoutHash(spec?.template),
  };
}

function withoutHash(template: PodTemplate | undefined): PodTemplate {
  const { metadata = { labels: {} }, spec = {} } = template ?? {};
  const labels = Object.fromEntries(Object.entries(metadata.labels).filter(([key]) => key !== HASH_LABEL));
  return { metadata: { ...metadata, labels }, spec };
}

function isOwnedBy({ metadata }: KubeObject, uid: string): boolean {
  return metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
}
