/** The steps between a closed gate and a removable pod, and back, the same for rollout, scale-down and replacement. */
import type { DrainRequest } from "@belay/protocol/control";
import type { DrainSpec } from "../api/v1alpha1/gen/types.ts";
import type { Action } from "./actions.ts";
import type { Observed, ObservedPod, ObservedRevision } from "./observed.ts";
import { gatedPods, isAborted, isDrained, isWitnessed, openPods, SETTLE_MS } from "./pods.ts";

/** Deadlines for gated pods whose gate the controller and the Service have taken note of, and requests for those that have one. */
export function drainActions(observed: Observed, nowMs: number): readonly Action[] {
  const witnessed = observed.revisions.filter(isWitnessed);
  const { drain } = observed.cluster.spec;
  const begin = witnessed.flatMap((revision) => beginDrains(revision, drain, nowMs));
  const draining = observed.revisions
    .flatMap(gatedPods)
    .filter((pod) => pod.drainDeadlineMs !== undefined && pod.running && !isDrained(pod));
  const rates = shareRate(drain.ratePerSecond, draining);
  const requests = draining.flatMap((pod, index) => {
    const order = { ratePerSecond: rates[index] ?? 1, policy: drain.policy, term: observed.term };
    return drainRequest(pod, order, nowMs);
  });
  return [...begin, ...requests, ...cancelActions(observed)];
}

/** For pods whose gate is open again, until each of them says that it serves. */
function cancelActions({ revisions, term }: Observed): readonly Action[] {
  return revisions.flatMap(openPods).flatMap(({ name, uid, ip, load }) => {
    if (ip === undefined || load === undefined || load.drain.state === "serving") return [];
    const request = { term, cancel: true } as const;
    return [{ type: "cancel-drain", pod: { name, uid, ip }, request }];
  });
}

function beginDrains(
  revision: ObservedRevision,
  { deadlineSeconds, policy }: DrainSpec,
  nowMs: number,
): readonly Action[] {
  return gatedPods(revision)
    .filter((pod) => pod.running && (pod.drainDeadlineMs === undefined || beginsAnew(pod, policy, nowMs)))
    .filter((pod) => !pod.inEndpoints && pod.outOfEndpointsMs >= SETTLE_MS)
    .map(({ name, uid }) => ({
      type: "begin-drain",
      pod: { name, uid },
      deadlineMs: nowMs + deadlineSeconds * 1_000,
    }));
}

/** A drain that gave up begins again with a deadline of its own, once it is not to give up any more. */
function beginsAnew(pod: ObservedPod, policy: DrainSpec["policy"], nowMs: number): boolean {
  return isAborted(pod) && policy !== "Abort" && (pod.drainDeadlineMs ?? 0) <= nowMs;
}

/** The cluster-wide rate over the pods that still hold clients; pods that are empty or unknown get the least there is. */
export function shareRate(ratePerSecond: number, pods: readonly ObservedPod[]): readonly number[] {
  const occupied = pods.filter(({ load }) => (load?.connections ?? 0) > 0);
  if (occupied.length === 0) return pods.map(() => Math.max(1, Math.floor(ratePerSecond / Math.max(1, pods.length))));
  const share = Math.floor(ratePerSecond / occupied.length);
  const extra = ratePerSecond - share * occupied.length;
  return pods.map((pod) => {
    const index = occupied.indexOf(pod);
    return index < 0 ? 1 : Math.max(1, share + (index < extra ? 1 : 0));
  });
}

type Order = Pick<DrainRequest, "term" | "ratePerSecond"> & { readonly policy: DrainSpec["policy"] };

/** Sent again when its rate, policy or the leader changed, and when the pod has forgotten it because it restarted. */
function drainRequest(pod: ObservedPod, order: Order, nowMs: number): readonly Action[] {
  const { name, uid, ip, drainDeadlineMs, load } = pod;
  if (ip === undefined || drainDeadlineMs === undefined || isGivenUp(pod, nowMs)) return [];
  const isForgotten = load?.drain.state === "serving";
  if (!isForgotten && (isCurrent(pod, order) || givesUpNow(drainDeadlineMs, order, nowMs))) return [];
  const { term, ratePerSecond, policy } = order;
  const deadlineSeconds = Math.max(1, Math.ceil((drainDeadlineMs - nowMs) / 1_000));
  const reason = pod.drainReason ?? "scale-down";
  // Absent is ForceClose, also for gateways that know no policy.
  const request = { term, deadlineSeconds, ratePerSecond, reason, ...(policy !== "ForceClose" && { policy }) };
  return [{ type: "drain", pod: { name, uid, ip }, request }];
}

/** Before it was heard that it did: a new rate would begin the drain anew. */
function givesUpNow(deadlineMs: number, { policy }: Order, nowMs: number): boolean {
  return policy === "Abort" && deadlineMs <= nowMs;
}

function isCurrent({ drainSent }: ObservedPod, { term, ratePerSecond, policy }: Order): boolean {
  if (drainSent === undefined) return false;
  const { term: lastTerm, ratePerSecond: lastRate, policy: lastPolicy = "ForceClose" } = drainSent;
  return lastTerm === term && lastRate === ratePerSecond && lastPolicy === policy;
}

/** Until a new deadline is noted. */
function isGivenUp(pod: ObservedPod, nowMs: number): boolean {
  return isAborted(pod) && (pod.drainDeadlineMs ?? 0) <= nowMs;
}
