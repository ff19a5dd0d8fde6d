/**
 * Judging the way between gateways and Redis. No pod can tell alone whether it or Redis is to blame, so none leaves the Service by
 * itself: here, where all of them are seen, one that is cut off while the others are not is replaced; when all are, it is Redis.
 */
import type { LoadReport } from "@belay/protocol/control";
import type { PodCutOff } from "../api/v1alpha1/gen/types.ts";
import type { Action } from "./actions.ts";
import type { Judgement } from "./judgement.ts";
import { lack, redisHint, startingProblem } from "./managed-redis.ts";
import { missingSecret } from "./missing-secret.ts";
import { evictionMessage } from "./redis-condition.ts";
import type { Observed, ObservedPod, ObservedRevision } from "./observed.ts";
import { activePods, gatedPods, openPods } from "./pods.ts";
import { passwordProgress } from "./redis-password.ts";

/** A pod is replaced after this long: a shorter interruption costs its clients nothing, a drain costs each a reconnect. */
export const REPLACE_AFTER_SECONDS = 60;
/** Pods named in a status. */
const MAX_NAMED = 64;
const MAX_PROBLEM_CHARS = 256;

function isCutOff({ brokerConnected, redis }: LoadReport): boolean {
  return !brokerConnected || (redis !== undefined && redis.problem !== "");
}

/** Last in the order of those who may go, whatever else is equal. */
export function isPodCutOff({ load }: ObservedPod): boolean {
  return load !== undefined && isCutOff(load);
}

interface ReportingPod {
  readonly name: string;
  readonly load: LoadReport;
}

function reportingPods({ revisions }: Observed): readonly ReportingPod[] {
  return revisions.flatMap(activePods).flatMap(({ name, load }) => (load === undefined ? [] : [{ name, load }]));
}

/** For the status; empty while everybody reaches Redis. */
export function podsCutOff(observed: Observed): readonly PodCutOff[] {
  return reportingPods(observed)
    .filter(({ load }) => isCutOff(load))
    .map(({ name, load }) => ({ pod: name, problem: problemOf(load).slice(0, MAX_PROBLEM_CHARS) }))
    .toSorted((a, b) => (a.pod < b.pod ? -1 : 1))
    .slice(0, MAX_NAMED);
}

function problemOf({ redis }: LoadReport): string {
  // Gateways older than the report say only that.
  return redis === undefined || redis.problem === "" ? "Redis is not reached" : redis.problem;
}

/**
 * The one pod that is to be replaced: cut off for long, everybody else who reports is not, and nothing else is changing. Its
 * replacement comes first and the drain second, both of which the scale carries out.
 */
export function podToReplace(observed: Observed, revision: ObservedRevision): ObservedPod | undefined {
  if (observed.revisions.length > 1 || gatedPods(revision).length > 0) return undefined;
  const pod = loneCutOff(observed.revisions.flatMap(activePods));
  return pod !== undefined && openPods(revision).includes(pod) && isCutOffLong(pod) ? pod : undefined;
}

/** The only one, where others are there to compare it with. */
function loneCutOff(pods: readonly ObservedPod[]): ObservedPod | undefined {
  const bad = pods.filter(isPodCutOff);
  const hasWitness = pods.some((pod) => pod.load !== undefined && !isPodCutOff(pod));
  return bad.length === 1 && hasWitness ? bad[0] : undefined;
}

/** A gateway that reports no time is of an older image: it could not be told why it is drained. */
function isCutOffLong({ load }: ObservedPod): boolean {
  return (load?.redis?.troubleSeconds ?? 0) >= REPLACE_AFTER_SECONDS;
}

/** Closes the gate of the pod once as many others as are desired are ready and reach Redis. */
export function replaceActions(revision: ObservedRevision, bad: ObservedPod, desired: number): readonly Action[] {
  const good = openPods(revision).filter(
    (pod) => pod.ready && pod.inEndpoints && pod.load !== undefined && !isPodCutOff(pod),
  );
  if (good.length < desired) return [];
  return [{ type: "gate", pod: { name: bad.name, uid: bad.uid }, reason: "unhealthy" }];
}

export function redisReady(observed: Observed): Judgement {
  const { cluster, references } = observed;
  const missing = references.find(({ field, state }) => field.startsWith("spec.redis") && state.startsWith("no "));
  if (missing !== undefined) return no("SecretMissing", missingSecret(missing, cluster.metadata.namespace));
  const cut = podsCutOff(observed);
  if (cut.length > 0) return cutOff(cut, reportingPods(observed).length, observed);
  const starting = startingProblem(observed);
  return starting === undefined ? connected(observed) : no("Starting", starting);
}

function connected(observed: Observed): Judgement {
  const pods = observed.revisions.flatMap(activePods);
  const reporting = reportingPods(observed).length;
  const verdict = { type: "RedisReady" } as const;
  if (reporting === 0)
    return { ...verdict, status: "Unknown", reason: "NoReport", message: "no gateway pod has reported yet" };
  const evicts = evictionMessage(pods);
  if (evicts !== undefined) return no("EvictsKeys", evicts);
  const reduced = lack(observed);
  const message = `${reporting} pods reach Redis${reduced}${passwordProgress(observed)}`;
  return { ...verdict, status: "True", reason: reduced === "" ? "Connected" : "Reduced", message };
}

function cutOff(cut: readonly PodCutOff[], reporting: number, observed: Observed): Judgement {
  const [first] = cut;
  const names = cut
    .slice(0, 3)
    .map(({ pod }) => pod)
    .join(", ");
  const who = `${cut.length} of ${reporting} pods are cut off from Redis (${names}): ${first?.problem ?? ""}`;
  if (cut.length >= Math.min(reporting, MAX_NAMED)) {
    const stay = "as all of them are, it is Redis or the way to it; pods stay up and keep their clients";
    return no("Unreachable", `${who}; ${stay}: ${redisHint(observed.cluster.spec.redis)}${lack(observed)}`);
  }
  const fix = `the others reach Redis, so look at the nodes and the network of these`;
  const next =
    cut.length === 1
      ? `it is replaced by the ordinary drain when it was cut off for ${REPLACE_AFTER_SECONDS} s`
      : "none is replaced while more than one is cut off";
  return no("PodsCutOff", `${who}; ${fix}; ${next}`);
}

function no(reason: string, message: string): Judgement {
  return { type: "RedisReady", status: "False", reason, message };
}
