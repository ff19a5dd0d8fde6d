/** Taking a drain back: pods that are wanted again keep their clients instead of being replaced by new ones. */
import type { Action } from "./actions.ts";
import type { ObservedPod, ObservedRevision } from "./observed.ts";
import { connectionsOf, gatedPods, isDrained, openPods } from "./pods.ts";

/**
 * Opens the gates of as many pods as are missing, the fullest first: a rollout was taken back, or more pods are wanted again. Their
 * drains are cancelled by `cancelActions`. A deadline that has passed is not taken back: the pod may be on its way out.
 */
export function reopenActions(revision: ObservedRevision, desired: number, nowMs: number): readonly Action[] {
  const missing = desired - openPods(revision).length;
  if (missing <= 0) return [];
  return gatedPods(revision)
    .filter((pod) => mayReopen(pod, nowMs))
    .toSorted((a, b) => connectionsOf(b) - connectionsOf(a) || (a.name < b.name ? -1 : 1))
    .slice(0, missing)
    .map(({ name, uid }) => ({ type: "reopen", pod: { name, uid } }));
}

function mayReopen(pod: ObservedPod, nowMs: number): boolean {
  const { running, drainReason, drainDeadlineMs, load } = pod;
  if (!running || drainReason === "unhealthy" || isDrained(pod)) return false;
  // Before that there is nothing to cancel.
  if (drainDeadlineMs === undefined) return true;
  // A gateway that does not count who moved cannot take a drain back.
  return nowMs < drainDeadlineMs && load?.drain.moved !== undefined && load.drain.state !== "drained";
}
