/**
 * Replacing revisions: surge, then traffic, then drain, then removal. Every step is derived from what is observed, so that a crash
 * between any two of them, or a new spec in the middle, only means another derivation.
 *
 *   target  the revision that the spec asks for
 *   serving the revision that the Service sends new connections to
 *   old     every other one that still has a Deployment; its pods leave as soon as they get no new connections
 */
import { RESOURCES } from "../kube/resources.ts";
import type { Action } from "./actions.ts";
import type { Observed, ObservedRevision } from "./observed.ts";
import { activePods, areAllRemovable, isWitnessed, openPods, readyOpenPods, type Removal } from "./pods.ts";

export function findRevision(observed: Observed, hash: string | undefined): ObservedRevision | undefined {
  return observed.revisions.find((revision) => revision.hash === hash);
}

/** Where new connections go after this pass. */
export function servingRevision(observed: Observed, target: string, desired: number): string {
  const current =
    findRevision(observed, observed.service?.revision) ?? findRevision(observed, observed.cluster.status.revision);
  const next = findRevision(observed, target);
  if (current === undefined || current.hash === target) return target;
  if (next === undefined) return current.hash;
  const ready = readyOpenPods(next).length;
  // A target that is only partly ready is better than a revision that serves nobody.
  const isBetter = ready > 0 && readyOpenPods(current).length === 0;
  return ready >= desired || isBetter ? target : current.hash;
}

export function oldRevisions(observed: Observed, target: string, serving: string): readonly ObservedRevision[] {
  return observed.revisions.filter(({ hash }) => hash !== target && hash !== serving);
}

/** True while another revision than the target exists. */
export function isRollingOut(observed: Observed, target: string): boolean {
  return observed.revisions.some(({ hash }) => hash !== target);
}

/** Gates, removal and deletion of one old revision. */
export function retireActions(
  observed: Observed,
  revision: ObservedRevision,
  desired: number,
  removal: Removal,
): readonly Action[] {
  return [...gateActions(observed, revision, desired), ...removalActions(revision, removal)];
}

/** A pod in the endpoints still gets new connections; with none in them at all, gating would leave clients nowhere to go. */
function gateActions(observed: Observed, revision: ObservedRevision, desired: number): readonly Action[] {
  const hasEndpoint = observed.revisions.flatMap(({ pods }) => pods).some(({ inEndpoints }) => inEndpoints);
  if (!hasEndpoint && desired > 0) return [];
  return openPods(revision)
    .filter(({ inEndpoints }) => !inEndpoints)
    .map(({ name, uid }) => ({ type: "gate", pod: { name, uid }, reason: "rollout" }));
}

/**
 * All pods of a revision go in one step, when the last of them may: with replicas 0 the ReplicaSet has no choice to make, so that
 * a pod that turns not ready in the middle cannot be taken for a drained one.
 */
function removalActions(revision: ObservedRevision, removal: Removal): readonly Action[] {
  const { deployment } = revision;
  const active = activePods(revision);
  const allGone = active.length === 0 && deployment.replicas === 0;
  if (allGone) {
    const { name, uid, resourceVersion } = deployment;
    return [{ type: "delete", resource: RESOURCES.deployments, name, uid, resourceVersion }];
  }
  const mayGo = areAllRemovable(active, removal) && (active.length === 0 || isWitnessed(revision));
  if (deployment.replicas === 0 || !mayGo) return [];
  return [{ type: "scale", deployment: deployment.name, from: deployment.replicas, to: 0 }];
}
