/** (Observed, now) → what to do, what to say, when to look again. Pure: the same input gives the same plan on every replica. */
import { desiredReplicas } from "../api/v1alpha1/defaults.ts";
import type { Installation } from "../resources/manifest.ts";
import { gatewayConfigHash } from "../resources/config-map.ts";
import { gatewayRevision } from "../resources/pod-template.ts";
import type { Action, Plan } from "./actions.ts";
import { planChildren } from "./children.ts";
import { configActions, isConfigSpreading } from "./config.ts";
import type { Observed } from "./observed.ts";
import { gatedPods } from "./pods.ts";
import { isPasswordChanging, passwordActions } from "./redis-password.ts";
import { revisionActions } from "./revisions.ts";
import { isRollingOut, servingRevision } from "./rollout.ts";
import { computeStatus } from "./status.ts";
import { sweepActions } from "./sweep.ts";

/** While pods are leaving, steps depend on time and on reports that no watch brings. */
const BUSY_MS = 500;
/** User's Secrets are not watched, and a lost event must not stay lost. */
const QUIET_MS = 20_000;
const WAITING_MS = 3_000;

export interface Now {
  /** Wall clock. */
  readonly ms: number;
  /** RFC 3339, whole seconds. */
  readonly text: string;
}

export function plan(observed: Observed, installation: Installation, now: Now): Plan {
  const { cluster } = observed;
  const blueprint = { cluster, installation };
  const desired = desiredReplicas(cluster);
  const revision = gatewayRevision(blueprint);
  const target = revision.hash;
  const configHash = gatewayConfigHash(cluster);
  const serving = servingRevision(observed, target, desired);
  const children = planChildren(observed, blueprint, { serving, target });
  const mayStart = children.collisions.length === 0 && observed.references.every(({ state }) => state === "present");
  const status = computeStatus({
    observed,
    target,
    serving,
    desired,
    configHash,
    collisions: children.collisions,
    nowMs: now.ms,
    now: now.text,
  });
  const defaults: readonly Action[] =
    cluster.spec.replicas === undefined ? [{ type: "write-replicas", replicas: desired }] : [];
  return {
    actions: [
      ...defaults,
      ...children.actions,
      ...revisionActions(observed, { target: revision, serving, desired, mayStart }, now.ms),
      ...children.orphans,
      ...configActions(observed, configHash, now.ms),
      ...passwordActions(observed, now.ms),
      ...sweepActions(observed),
    ],
    status,
    requeueAfterMs: requeueAfterMs(observed, { target, configHash }, status.phase === "Ready"),
  };
}

function requeueAfterMs(
  observed: Observed,
  { target, configHash }: { readonly target: string; readonly configHash: string },
  isReady: boolean,
): number {
  const isLeaving = observed.revisions.some((revision) => gatedPods(revision).length > 0);
  if (isLeaving || isRollingOut(observed, target) || isConfigSpreading(observed, configHash)) return BUSY_MS;
  if (isPasswordChanging(observed) || observed.gonePods.length > 0) return BUSY_MS;
  return isReady ? QUIET_MS : WAITING_MS;
}
