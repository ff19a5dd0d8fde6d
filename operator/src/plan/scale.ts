/** How many pods the target and the serving revision have. Increases at once; decreases by draining, one batch at a time. */
import type { Action } from "./actions.ts";
import type { ObservedPod, ObservedRevision } from "./observed.ts";
import {
  CONTROLLER_LAG_MS,
  areAllRemovable,
  gatedPods,
  isReadinessWitnessed,
  isScaleSettled,
  isWitnessed,
  openPods,
  type Removal,
} from "./pods.ts";
import { chooseVictims } from "./victims.ts";

/** Pods that are leaving hold their places until they are gone. */
export function raiseActions(revision: ObservedRevision, desired: number): readonly Action[] {
  const { name, replicas } = revision.deployment;
  // Before the controller has settled, pods we still count as gated may be gone: adding for them would add too many.
  const leaving = isScaleSettled(revision) ? gatedPods(revision).length : 0;
  const wanted = desired + leaving;
  return wanted > replicas ? [{ type: "scale", deployment: name, from: replicas, to: wanted }] : [];
}

/** The next step of a decrease; a batch that has begun is finished, another one begins only while no rollout runs. */
export function lowerActions(
  revision: ObservedRevision,
  desired: number,
  removal: Removal,
  isRolling: boolean,
): readonly Action[] {
  const gated = gatedPods(revision);
  if (gated.length > 0) return removeBatch(revision, gated, removal);
  if (isRolling) return [];
  const open = openPods(revision);
  const surplus = open.length - desired;
  // Places whose pods are not there (yet) are not taken away: their controller may be about to fill them, and would remove an
  // occupied pod instead. It fills them, and the new pods leave like all others.
  return surplus > 0 && isScaleSettled(revision) ? gateVictims(open, surplus, desired) : [];
}

function gateVictims(open: readonly ObservedPod[], surplus: number, desired: number): readonly Action[] {
  const victims = chooseVictims(open, surplus);
  const staysReachable = open.some((pod) => pod.inEndpoints && !victims.includes(pod));
  if (desired > 0 && !staysReachable && victims.some(({ inEndpoints }) => inEndpoints)) return [];
  return victims.map(({ name, uid }) => ({ type: "gate", pod: { name, uid }, reason: "scale-down" }));
}

/** The whole batch at once, so that an occupied gated pod that turns not ready is never a candidate beside drained ones. */
function removeBatch(revision: ObservedRevision, gated: readonly ObservedPod[], removal: Removal): readonly Action[] {
  const { name, replicas } = revision.deployment;
  if (!areAllRemovable(gated, removal) || !mayLower(revision, gated)) return [];
  return [{ type: "scale", deployment: name, from: replicas, to: replicas - gated.length }];
}

/**
 * Whether the ReplicaSet will choose exactly the gated pods. It prefers pending pods, then pods that are not ready, then low costs:
 * so nobody else may be pending, and a gated pod that is still ready needs everybody else ready too.
 *
 * `readyReplicas` says how many pods the controller believes ready, not which. Where another pod turned ready at the same time as the
 * drained one turned not ready, an old view has the same number, and the wrong pod would go: so the others must have been as they
 * are for longer than a view can be old.
 */
function mayLower(revision: ObservedRevision, gated: readonly ObservedPod[]): boolean {
  const others = openPods(revision);
  const ranksFirst = others.every(({ ready }) => ready) || gated.every(({ ready }) => !ready);
  return (
    ranksFirst &&
    others.every(({ phase }) => phase !== "Pending") &&
    others.every(({ readinessSteadyMs }) => readinessSteadyMs >= CONTROLLER_LAG_MS) &&
    isWitnessed(revision) &&
    isReadinessWitnessed(revision) &&
    isScaleSettled(revision)
  );
}
