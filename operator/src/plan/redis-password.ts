/**
 * Changing the password of a standalone managed Redis so that nobody is refused at any moment. The Secret remembers the step:
 *
 *   password                      stable
 *   password, next-password       Redis is to be told that both count, before anybody uses the new one
 *   password, previous-password   both count; gateways move to the new one as their file changes, then the old one ends
 */
import type { KubeObject } from "../kube/kube-client.ts";
import { names } from "../resources/names.ts";
import {
  NEXT_PASSWORD,
  PASSWORD_VERSION_ANNOTATION,
  PREVIOUS_PASSWORD,
  wantedPasswordVersion,
} from "../resources/redis-password.ts";
import { isStandalone } from "../resources/redis-pod.ts";
import type { Action } from "./actions.ts";
import type { Observed, ObservedPod } from "./observed.ts";
import { activePods } from "./pods.ts";

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Rotation {
  readonly secret: Secret;
  /** Of `password` in the Secret. */
  readonly version: number;
  readonly phase: "stable" | "admitting" | "moving";
}

/** `undefined` where there is no password of ours, or its Secret is not complete yet. */
function rotationOf(observed: Observed): Rotation | undefined {
  const secret = secretOf(observed);
  if (secret === undefined || !has(secret, "password")) return undefined;
  return {
    secret,
    phase: phaseOf(secret),
    version: Number(secret.metadata.annotations?.[PASSWORD_VERSION_ANNOTATION] ?? 0),
  };
}

function secretOf({ cluster, children }: Observed): Secret | undefined {
  if (!isStandalone(cluster)) return undefined;
  const { name, uid } = cluster.metadata;
  const isOurs = (live: KubeObject): boolean =>
    live.metadata.name === names.redis(name) &&
    (live.metadata.ownerReferences ?? []).some((owner) => owner.uid === uid);
  return children.find(({ resource, live }) => resource.kind === "Secret" && isOurs(live))?.live;
}

function has({ data = {} }: Secret, key: string): boolean {
  return (data[key] ?? "") !== "";
}

function phaseOf(secret: Secret): Rotation["phase"] {
  if (has(secret, NEXT_PASSWORD)) return "admitting";
  return has(secret, PREVIOUS_PASSWORD) ? "moving" : "stable";
}

/** Gateways that may connect with another password than the Secret's. One that has not reported may be anywhere. */
function stragglers(observed: Observed, version: number): readonly ObservedPod[] {
  return observed.revisions
    .flatMap(activePods)
    .filter(
      ({ load }) => load?.config?.redisVersion !== (version === 0 ? undefined : String(version)) || load === undefined,
    );
}

/** A change is under way: look again soon. */
export function isPasswordChanging(observed: Observed): boolean {
  const rotation = rotationOf(observed);
  if (rotation === undefined) return false;
  return rotation.phase !== "stable" || rotation.version !== wantedPasswordVersion(observed.cluster);
}

/** A kubelet that was called is given this long. */
const CALL_AGAIN_MS = 2_000;

export function passwordActions(observed: Observed, nowMs: number): readonly Action[] {
  const rotation = rotationOf(observed);
  if (rotation === undefined) return [];
  const { secret, phase, version } = rotation;
  const wanted = wantedPasswordVersion(observed.cluster);
  const ip = observed.redisPods.find(({ ready }) => ready)?.ip;
  const base = { type: "change-password", secret: secret.metadata.name, ip: ip ?? "" } as const;
  const at = { resourceVersion: secret.metadata.resourceVersion ?? "" };
  if (phase === "stable") return version === wanted ? [] : [{ ...base, ...at, step: "begin", version: wanted }];
  // Without its Redis nothing can be said to it.
  if (ip === undefined) return [];
  if (phase === "admitting") return [{ ...base, ...at, step: "move", version: wanted }];
  const late = stragglers(observed, version);
  if (late.length === 0) return [{ ...base, ...at, step: "finish", version }];
  return late.flatMap((pod) => callActions(pod, `redis-password-${version}`, nowMs));
}

/** Secrets reach a pod as its kubelet looks, about once a minute; an annotation makes it look now. */
function callActions({ name, uid, running, configCall }: ObservedPod, hash: string, nowMs: number): readonly Action[] {
  // Whatever it was called for, it looks at everything.
  const isCalled = configCall !== undefined && nowMs - configCall.atMs < CALL_AGAIN_MS;
  return !running || isCalled ? [] : [{ type: "call-config", pod: { name, uid }, hash, atMs: nowMs }];
}

/** For the condition; empty while nothing changes. */
export function passwordProgress(observed: Observed): string {
  const rotation = rotationOf(observed);
  if (rotation === undefined || !isPasswordChanging(observed)) return "";
  if (rotation.phase !== "moving") return "; a new password is being made known to Redis";
  const pods = observed.revisions.flatMap(activePods).length;
  const late = stragglers(observed, rotation.version);
  const [first] = late;
  const who = first === undefined ? "" : `, ${first.name} not yet`;
  return `; ${pods - late.length} of ${pods} pods use the new password${who}`;
}
