/** Steps of the Deployments: creation, pause, drift, and the order of rollout and scale. */
import { stableHash } from "@belay/protocol/control";
import { RESOURCES } from "../kube/resources.ts";
import { gatewayDeployment, withReplicas } from "../resources/deployment.ts";
import type { PodTemplate, Revision } from "../resources/pod-template.ts";
import { stamped } from "../resources/stamp.ts";
import type { Action } from "./actions.ts";
import { drainActions } from "./drain.ts";
import { isDrifted } from "./drift.ts";
import { recordedEnds } from "./ledger.ts";
import type { Observed, ObservedReplicaSet, ObservedRevision } from "./observed.ts";
import type { Removal } from "./pods.ts";
import { podToReplace, replaceActions } from "./redis.ts";
import { reopenActions } from "./reopen.ts";
import { findRevision, isRollingOut, oldRevisions, retireActions } from "./rollout.ts";
import { lowerActions, raiseActions } from "./scale.ts";

/** What the revisions of this pass are to be. */
export interface Goal {
  readonly target: Revision;
  readonly serving: string;
  readonly desired: number;
  /** Nothing stands against starting pods of the target. */
  readonly mayStart: boolean;
}

export function revisionActions(observed: Observed, goal: Goal, nowMs: number): readonly Action[] {
  const target = findRevision(observed, goal.target.hash);
  const serving = findRevision(observed, goal.serving);
  const isRolling = isRollingOut(observed, goal.target.hash);
  const { policy } = observed.cluster.spec.drain;
  const removal = { nowMs, policy, recorded: recordedEnds(observed.cluster.status) };
  const kept = new Set([target, serving].filter((revision) => revision !== undefined));
  return [
    ...(target === undefined ? createActions(observed, goal) : []),
    ...observed.revisions.flatMap((revision) => templateActions(observed, revision, goal)),
    ...[...kept].flatMap((revision) => {
      const back = revision === target ? reopenActions(revision, goal.desired, nowMs) : [];
      if (back.length > 0) return back;
      const bad = isRolling ? undefined : podToReplace(observed, revision);
      if (bad === undefined) return countActions(revision, goal.desired, removal, isRolling);
      // Make before break: one more first, and then the gate.
      const raise = raiseActions(revision, goal.desired + 1);
      return raise.length > 0 ? raise : replaceActions(revision, bad, goal.desired);
    }),
    ...oldRevisions(observed, goal.target.hash, goal.serving).flatMap((revision) =>
      retireActions(observed, revision, goal.desired, removal),
    ),
    ...drainActions(observed, nowMs),
  ];
}

function countActions(
  revision: ObservedRevision,
  desired: number,
  removal: Removal,
  isRolling: boolean,
): readonly Action[] {
  const raise = raiseActions(revision, desired);
  return raise.length > 0 ? raise : lowerActions(revision, desired, removal, isRolling);
}

function createActions({ cluster }: Observed, { target, desired, mayStart }: Goal): readonly Action[] {
  if (!mayStart) return [];
  const manifest = withReplicas(stamped(gatewayDeployment(cluster, target, false)), desired);
  return [{ type: "create", child: { resource: RESOURCES.deployments, manifest } }];
}

/**
 * The template of a revision never changes. The ReplicaSet's copy is what its pods were made from, defaults included, so an edited
 * Deployment gets exactly that back; being paused, it rolls neither for the edit nor for the correction.
 */
function templateActions(
  { cluster }: Observed,
  { hash, deployment, replicaSets }: ObservedRevision,
  { target }: Goal,
): readonly Action[] {
  const origin = originalTemplate(replicaSets, hash === target.hash ? target.template : undefined);
  const { name, resourceVersion } = deployment;
  const paused = (deployment.live as { readonly spec?: { readonly paused?: boolean } }).spec?.paused === true;
  const isEdited = origin !== undefined && stableHash(origin) !== stableHash(deployment.template);
  if (origin !== undefined && (isEdited || !paused)) {
    return [{ type: "restore-template", deployment: name, template: origin }];
  }
  if (hash !== target.hash) return [];
  const manifest = stamped(gatewayDeployment(cluster, target, origin !== undefined));
  if (!isDrifted(manifest, deployment.live)) return [];
  return [{ type: "apply", child: { resource: RESOURCES.deployments, manifest }, liveVersion: resourceVersion }];
}

function originalTemplate(
  replicaSets: readonly ObservedReplicaSet[],
  wanted: PodTemplate | undefined,
): PodTemplate | undefined {
  const ours = replicaSets.find(({ template }) => wanted !== undefined && !isDrifted(wanted, template));
  const largest = replicaSets.toSorted((a, b) => b.specReplicas - a.specReplicas)[0];
  return (ours ?? largest)?.template;
}
