/** Judgements about single pods and the pods of a ReplicaSet: who is open, drained, removable. */
import type { DrainPolicy } from "@belay/protocol/control";
import type { ObservedPod, ObservedReplicaSet, ObservedRevision } from "./observed.ts";

/** After the Service stopped sending new connections to a pod, kube-proxy may still do so for this long. Measured: ≤ 926 ms. */
export const SETTLE_MS = 1_500;
/** A controller's view of the pods is never this old. Measured: ≤ 0.9 s. */
export const CONTROLLER_LAG_MS = 5_000;
/** A pod that ignores its deadline, because it hangs, is removed this much later. */
const DEADLINE_MARGIN_MS = 10_000;

/** Pods that count for their ReplicaSet. */
export function activePods({ pods }: ObservedRevision): readonly ObservedPod[] {
  return pods.filter(({ terminating, phase }) => !terminating && phase !== "Failed" && phase !== "Succeeded");
}

export function openPods(revision: ObservedRevision): readonly ObservedPod[] {
  return activePods(revision).filter(({ gated }) => !gated);
}

export function gatedPods(revision: ObservedRevision): readonly ObservedPod[] {
  return activePods(revision).filter(({ gated }) => gated);
}

export function readyOpenPods(revision: ObservedRevision): readonly ObservedPod[] {
  return openPods(revision).filter(({ ready }) => ready);
}

/**
 * The witness: the ReplicaSet's controller has seen every gate that we see. It counts pods that carry all labels of its template
 * in `fullyLabeledReplicas`, and a gated pod does not; so its own word shows that its cache has our patches, costs included.
 */
export function isWitnessed(revision: ObservedRevision): boolean {
  return revision.replicaSets.every((replicaSet) => {
    const active = podsOf(revision, replicaSet);
    const gated = active.filter((pod) => pod.gated).length;
    return (
      replicaSet.settled &&
      replicaSet.statusReplicas === active.length &&
      replicaSet.fullyLabeledReplicas === replicaSet.statusReplicas - gated
    );
  });
}

/** The controller has carried out the last change of `replicas`, and our view of the pods is as new as its. */
export function isScaleSettled(revision: ObservedRevision): boolean {
  const wanted = revision.replicaSets.reduce((sum, { specReplicas }) => sum + specReplicas, 0);
  return (
    revision.replicaSets.length > 0 &&
    wanted === revision.deployment.replicas &&
    revision.replicaSets.every(
      (replicaSet) =>
        replicaSet.settled &&
        replicaSet.statusReplicas === replicaSet.specReplicas &&
        replicaSet.statusReplicas === podsOf(revision, replicaSet).length,
    )
  );
}

/** The controller sees the same pods ready as we do: it ranks victims by that before it looks at costs. */
export function isReadinessWitnessed(revision: ObservedRevision): boolean {
  return revision.replicaSets.every(
    (replicaSet) => replicaSet.readyReplicas === podsOf(revision, replicaSet).filter(({ ready }) => ready).length,
  );
}

function podsOf(revision: ObservedRevision, { uid }: ObservedReplicaSet): readonly ObservedPod[] {
  return activePods(revision).filter(({ replicaSetUid }) => replicaSetUid === uid);
}

function isPastDeadline({ drainDeadlineMs }: ObservedPod, nowMs: number): boolean {
  return drainDeadlineMs !== undefined && nowMs > drainDeadlineMs + DEADLINE_MARGIN_MS;
}

/** Known to hold no client, and unable to get one: no process runs, or it says that its drain has ended and is seen not ready. */
export function isDrained(pod: ObservedPod): boolean {
  if (!pod.gated) return false;
  if (!pod.running) return !pod.ready;
  return !pod.ready && pod.load?.drain.state === "drained" && pod.load.connections === 0;
}

/** Its drain gave up at its deadline (policy Abort): who was left stays. */
export function isAborted({ gated, load }: ObservedPod): boolean {
  return gated && load?.drain.state === "serving" && load.drain.report?.outcome === "aborted";
}

/**
 * May be deleted: drained, or past its deadline where that means that the rest is closed. The witness is a matter of its ReplicaSet,
 * not of the pod.
 */
export function isRemovable(pod: ObservedPod, { nowMs, policy }: Pick<Removal, "nowMs" | "policy">): boolean {
  return isDrained(pod) || (policy === "ForceClose" && pod.gated && isPastDeadline(pod, nowMs));
}

/** What removal is judged by. */
export interface Removal {
  readonly nowMs: number;
  readonly policy: DrainPolicy;
  /** UIDs of pods whose end is in the stored status. */
  readonly recorded: ReadonlySet<string>;
}

export function areAllRemovable(pods: readonly ObservedPod[], removal: Removal): boolean {
  return pods.every((pod) => isRemovable(pod, removal) && removal.recorded.has(pod.uid));
}

/** Connections for an order or a sum; an unknown number counts as many. */
export function connectionsOf({ running, load }: ObservedPod): number {
  if (!running) return 0;
  return load?.connections ?? Number.MAX_SAFE_INTEGER;
}
