/**
 * Changing the password of a managed Redis so that nobody is refused at any moment. The Secret remembers the step:
 *
 *   password                      stable
 *   password, next-password       every server is to be told that both count, before anybody uses the new one
 *   password, previous-password   both count; gateways, and pods of a Redis with Sentinel, move to the new one as their files change;
 *                                 then the old one ends
 */
import type { LoadReport } from "@belay/protocol/control";
import type { KubeObject } from "../kube/kube-client.ts";
import { names } from "../resources/names.ts";
import {
  NEXT_PASSWORD,
  PASSWORD_VERSION_ANNOTATION,
  PREVIOUS_PASSWORD,
  wantedPasswordVersion,
} from "../resources/redis-password.ts";
import { hasSentinels, isStandalone } from "../resources/redis-pod.ts";
import { SENTINEL_MEMBERS } from "../resources/sentinel-topology.ts";
import type { Action, RedisServer } from "./actions.ts";
import type { Observed, ObservedPod, ObservedRedisPod } from "./observed.ts";
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
  const secret = passwordSecret(observed);
  if (secret === undefined || !has(secret, "password")) return undefined;
  return {
    secret,
    phase: phaseOf(secret),
    version: Number(secret.metadata.annotations?.[PASSWORD_VERSION_ANNOTATION] ?? 0),
  };
}

function passwordSecret(observed: Observed): Secret | undefined {
  const { cluster } = observed;
  const { name } = cluster.metadata;
  if (isStandalone(cluster)) return secretOf(observed, names.redis(name));
  return hasSentinels(cluster) ? secretOf(observed, names.redisNodes(name)) : undefined;
}

function secretOf({ cluster, children }: Observed, name: string): Secret | undefined {
  const isOurs = (live: KubeObject): boolean =>
    live.metadata.name === name &&
    (live.metadata.ownerReferences ?? []).some((owner) => owner.uid === cluster.metadata.uid);
  return children.find(({ resource, live }) => resource.kind === "Secret" && isOurs(live))?.live;
}

function has({ data = {} }: Secret, key: string): boolean {
  return (data[key] ?? "") !== "";
}

function phaseOf(secret: Secret): Rotation["phase"] {
  if (has(secret, NEXT_PASSWORD)) return "admitting";
  return has(secret, PREVIOUS_PASSWORD) ? "moving" : "stable";
}

/** Whether the next connection of a gateway uses the Secret's password, as it says itself. */
function usesPassword({ cluster, redisLogin }: Observed, version: number, { config }: LoadReport): boolean {
  if (!isStandalone(cluster)) return redisLogin !== undefined && config?.redisVersion === redisLogin;
  return config?.redisVersion === (version === 0 ? undefined : String(version));
}

/** Gateways that may connect with another password than the Secret's. One that has not reported may be anywhere. */
function stragglers(observed: Observed, version: number): readonly ObservedPod[] {
  return observed.revisions
    .flatMap(activePods)
    .filter(({ load }) => load === undefined || !usesPassword(observed, version, load));
}

/** A change is under way: look again soon. */
export function isPasswordChanging(observed: Observed): boolean {
  const rotation = rotationOf(observed);
  if (rotation === undefined) return false;
  return rotation.phase !== "stable" || rotation.version !== wantedPasswordVersion(observed.cluster);
}

/** Everybody who has to be told; `undefined` while somebody is not there: nothing can be said to it. */
function serversOf({ cluster, redisPods }: Observed): readonly RedisServer[] | undefined {
  const servers = redisPods.flatMap(({ ready, ip, isSentinel }) =>
    ready && ip !== undefined ? [{ ip, isSentinel }] : [],
  );
  const count = (isSentinel: boolean): number => servers.filter((each) => each.isSentinel === isSentinel).length;
  const isWhole = hasSentinels(cluster)
    ? count(false) === SENTINEL_MEMBERS && count(true) === SENTINEL_MEMBERS
    : count(false) > 0;
  return isWhole ? servers : undefined;
}

/** A kubelet that was called is given this long. */
const CALL_AGAIN_MS = 2_000;
/** After a call a pod of Redis, which reports nothing, has its files for certain; seen in 1 to 5 s. */
const FILES_FRESH_MS = 10_000;

export function passwordActions(observed: Observed, nowMs: number): readonly Action[] {
  const rotation = rotationOf(observed);
  if (rotation === undefined) return [];
  const { secret, phase, version } = rotation;
  const wanted = wantedPasswordVersion(observed.cluster);
  const { name, resourceVersion = "" } = secret.metadata;
  const base = { type: "change-password", secret: name, resourceVersion } as const;
  if (phase === "stable") return version === wanted ? [] : [{ ...base, step: "begin", version: wanted, servers: [] }];
  const servers = serversOf(observed);
  if (servers === undefined) return [];
  if (phase === "admitting") return [{ ...base, step: "move", version: wanted, servers }];
  const late = stragglers(observed, version);
  const stale = hasSentinels(observed.cluster) ? stalePods(observed, version, nowMs) : [];
  if (late.length === 0 && stale.length === 0) return [{ ...base, step: "finish", version, servers }];
  return [
    ...late.flatMap((pod) => callActions(pod, version, nowMs)),
    ...stale.flatMap((pod) => callOnce(pod, version, nowMs)),
  ];
}

/** Secrets reach a pod as its kubelet looks, about once a minute; an annotation makes it look now. */
function callActions(pod: ObservedPod, version: number, nowMs: number): readonly Action[] {
  const { name, uid, running, configCall } = pod;
  // Whatever it was called for, it looks at everything.
  const isCalled = configCall !== undefined && nowMs - configCall.atMs < CALL_AGAIN_MS;
  return !running || isCalled ? [] : [{ type: "call-config", pod: { name, uid }, hash: callFor(version), atMs: nowMs }];
}

function callFor(version: number): string {
  return `redis-password-${version}`;
}

/** Pods whose probes and hooks may read the old password yet. */
function stalePods({ redisPods }: Observed, version: number, nowMs: number): readonly ObservedRedisPod[] {
  return redisPods.filter(
    ({ configCall }) => configCall?.hash !== callFor(version) || nowMs - configCall.atMs < FILES_FRESH_MS,
  );
}

function callOnce({ name, uid, configCall }: ObservedRedisPod, version: number, nowMs: number): readonly Action[] {
  const hash = callFor(version);
  return configCall?.hash === hash ? [] : [{ type: "call-config", pod: { name, uid }, hash, atMs: nowMs }];
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
