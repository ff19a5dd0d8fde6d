/** The steps between a closed gate and a removable pod, the same for rollout, scale-down and replacement. */
import type { DrainSpec } from "../api/v1alpha1/gen/types.ts";
import type { Action } from "./actions.ts";
import type { Observed, ObservedPod, ObservedRevision } from "./observed.ts";
import { gatedPods, isDrained, isWitnessed, SETTLE_MS } from "./pods.ts";

/** Deadlines for gated pods whose gate the controller and the Service have taken note of, and requests for those that have one. */
export function drainActions(observed: Observed, nowMs: number): readonly Action[] {
  const witnessed = observed.revisions.filter(isWitnessed);
  const begin = witnessed.flatMap((revision) => beginDrains(revision, observed.cluster.spec.drain, nowMs));
  const draining = observed.revisions
    .flatMap(gatedPods)
    .filter((pod) => pod.drainDeadlineMs !== undefined && pod.running && !isDrained(pod));
  const rates = shareRate(observed.cluster.spec.drain.ratePerSecond, draining);
  const requests = draining.flatMap((pod, index) => drainRequest(pod, rates[index] ?? 1, observed.term, nowMs));
  return [...begin, ...requests];
}

function beginDrains(revision: ObservedRevision, { deadlineSeconds }: DrainSpec, nowMs: number): readonly Action[] {
  return gatedPods(revision)
    .filter((pod) => pod.running && pod.drainDeadlineMs === undefined)
    .filter((pod) => !pod.inEndpoints && pod.outOfEndpointsMs >= SETTLE_MS)
    .map(({ name, uid }) => ({
      type: "begin-drain",
      pod: { name, uid },
      deadlineMs: nowMs + deadlineSeconds * 1_000,
    }));
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

/** Sent again when its rate changed, when the leader changed, and when the pod has forgotten it because it restarted. */
function drainRequest(pod: ObservedPod, ratePerSecond: number, term: number, nowMs: number): readonly Action[] {
  const { name, uid, ip, drainDeadlineMs, drainSent, load } = pod;
  if (ip === undefined || drainDeadlineMs === undefined) return [];
  const isForgotten = load?.drain.state === "serving";
  const isCurrent = drainSent?.term === term && drainSent.ratePerSecond === ratePerSecond;
  if (isCurrent && !isForgotten) return [];
  const deadlineSeconds = Math.max(1, Math.ceil((drainDeadlineMs - nowMs) / 1_000));
  const reason = pod.drainReason ?? "scale-down";
  return [{ type: "drain", pod: { name, uid, ip }, request: { term, deadlineSeconds, ratePerSecond, reason } }];
}
