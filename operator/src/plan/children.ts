/** Children that are applied as a whole, generated Secrets, and what is left over. */
import { appliedChildren } from "../resources/children.ts";
import type { Component } from "../resources/labels.ts";
import type { Blueprint, Child } from "../resources/manifest.ts";
import { expectedKeys, generatedSecrets } from "../resources/secrets.ts";
import { stamped } from "../resources/stamp.ts";
import { COMPONENT_LABEL } from "@belay/protocol/control";
import type { KubeObject } from "../kube/kube-client.ts";
import type { Action } from "./actions.ts";
import { isDrifted } from "./drift.ts";
import type { Observed, ObservedChild } from "./observed.ts";
import { oneSetAtATime } from "./redis-order.ts";
import { isRollingOut } from "./rollout.ts";

const redisComponents: readonly string[] = ["redis", "redis-node", "sentinel"] satisfies readonly Component[];

/** A live object that has one of our names and is not ours: it is never adopted. */
export interface Collision {
  readonly kind: string;
  readonly name: string;
}

export interface ChildrenPlan {
  readonly actions: readonly Action[];
  readonly orphans: readonly Action[];
  readonly collisions: readonly Collision[];
}

export function planChildren(
  observed: Observed,
  blueprint: Blueprint,
  { serving, target }: { readonly serving: string; readonly target: string },
): ChildrenPlan {
  const revisions = [...new Set([target, ...observed.revisions.map(({ hash }) => hash)])];
  const wanted = appliedChildren(blueprint, serving, revisions).map(({ resource, manifest }) => ({
    resource,
    manifest: stamped(manifest),
  }));
  const secrets = generatedSecrets(observed.cluster);
  const collisions = wanted.filter((child) => isForeign(observed, liveOf(observed, child)));
  const foreignSecrets = secrets.filter(({ name }) => isForeign(observed, liveSecret(observed, name)));
  return {
    actions: [
      ...secrets
        .filter((secret) => !foreignSecrets.includes(secret))
        .filter((secret) => !isComplete(liveSecret(observed, secret.name), expectedKeys(secret)))
        .map((secret): Action => ({ type: "generate-secret", secret })),
      ...oneSetAtATime(
        observed,
        wanted.filter((child) => !collisions.includes(child)).flatMap((child) => applyAction(observed, child)),
      ),
    ],
    orphans: orphanActions(observed, wanted, {
      secrets: secrets.map(({ name }) => name),
      isRolling: isRollingOut(observed, target),
    }),
    collisions: [
      ...collisions.map(({ manifest }) => ({ kind: manifest.kind, name: manifest.metadata.name })),
      ...foreignSecrets.map(({ name }) => ({ kind: "Secret", name })),
    ],
  };
}

function applyAction(observed: Observed, child: Child): readonly Action[] {
  const live = liveOf(observed, child);
  if (live === undefined) return [{ type: "apply", child, liveVersion: undefined }];
  return isDrifted(child.manifest, live) ? [{ type: "apply", child, liveVersion: live.metadata.resourceVersion }] : [];
}

function liveOf({ children }: Observed, { resource, manifest }: Child): KubeObject | undefined {
  return children.find(
    (child) => child.resource.kind === resource.kind && child.live.metadata.name === manifest.metadata.name,
  )?.live;
}

function liveSecret({ children }: Observed, name: string): KubeObject | undefined {
  return children.find(({ resource, live }) => resource.kind === "Secret" && live.metadata.name === name)?.live;
}

function isOwned({ cluster }: Observed, live: KubeObject): boolean {
  return live.metadata.ownerReferences?.some(({ uid }) => uid === cluster.metadata.uid) ?? false;
}

function isForeign(observed: Observed, live: KubeObject | undefined): boolean {
  return live !== undefined && !isOwned(observed, live);
}

function isComplete(live: KubeObject | undefined, keys: readonly string[]): boolean {
  const data = (live as { readonly data?: Readonly<Record<string, string>> } | undefined)?.data ?? {};
  return live !== undefined && keys.every((key) => (data[key] ?? "") !== "");
}

/** Deployments are retired by the rollout. A Redis that pods of an old revision still use stays until they are gone. */
function orphanActions(
  observed: Observed,
  wanted: readonly Child[],
  { secrets, isRolling }: { readonly secrets: readonly string[]; readonly isRolling: boolean },
): readonly Action[] {
  const isWanted = ({ resource, live }: ObservedChild): boolean =>
    resource.kind === "Deployment" ||
    (resource.kind === "Secret" && secrets.includes(live.metadata.name)) ||
    wanted.some(
      (child) => child.resource.kind === resource.kind && child.manifest.metadata.name === live.metadata.name,
    );
  const isStillUsed = ({ live }: ObservedChild): boolean =>
    isRolling && redisComponents.includes(live.metadata.labels?.[COMPONENT_LABEL] ?? "");
  return observed.children
    .filter((child) => isOwned(observed, child.live) && !isWanted(child) && !isStillUsed(child))
    .map(({ resource, live }) => ({
      type: "delete",
      resource,
      name: live.metadata.name,
      uid: live.metadata.uid ?? "",
    }));
}
