import type { DrainPolicy, DrainReason } from "@belay/protocol/control";

/** A pod as it really is; caches hold copies. */
export interface SimulatedPod {
  readonly uid: string;
  readonly name: string;
  readonly revision: string;
  phase: "Pending" | "Running";
  running: boolean;
  everReady: boolean;
  ready: boolean;
  gated: boolean;
  reason: DrainReason | undefined;
  deadlineMs: number | undefined;
  connections: number;
  drain: "serving" | "draining" | "drained";
  rate: number;
  policy: DrainPolicy;
  closed: number;
  forced: number;
  frozen: boolean;
  /** Since when it does not reach Redis. */
  cutOffSinceMs: number | undefined;
  terminating: boolean;
  createdMs: number;
}

export function newPod(revision: string, number: number, nowMs: number): SimulatedPod {
  return {
    uid: `uid-${number}`,
    name: `${revision}-${String(number).padStart(4, "0")}`,
    revision,
    phase: "Pending",
    running: false,
    everReady: false,
    ready: false,
    gated: false,
    reason: undefined,
    deadlineMs: undefined,
    connections: 0,
    drain: "serving",
    rate: 0,
    policy: "ForceClose",
    closed: 0,
    forced: 0,
    frozen: false,
    cutOffSinceMs: undefined,
    terminating: false,
    createdMs: nowMs,
  };
}

/** What the gateway's own rule says about readiness. */
export function shouldBeReady(pod: SimulatedPod): boolean {
  const isGateClosed = pod.gated || pod.drain !== "serving";
  const isReplaced = pod.reason === "unhealthy" && pod.drain !== "serving";
  return pod.running && !pod.frozen && !isReplaced && !(isGateClosed && pod.connections === 0);
}

/** The order in which a ReplicaSet removes pods: pending, not ready, lowest cost, youngest first. */
export function rank(a: SimulatedPod, b: SimulatedPod): number {
  const cost = (pod: SimulatedPod): number => (pod.gated ? -2_147_483_648 : 0);
  return (
    Number(a.phase !== "Pending") - Number(b.phase !== "Pending") ||
    Number(a.ready) - Number(b.ready) ||
    cost(a) - cost(b) ||
    b.createdMs - a.createdMs
  );
}

/** What a draining gateway does in some time; the clients that leave. */
export function drainFor(pod: SimulatedPod, ms: number, nowMs: number): number {
  const isLate = pod.policy === "ForceClose" && pod.deadlineMs !== undefined && nowMs >= pod.deadlineMs;
  const leaving = isLate ? pod.connections : Math.min(pod.connections, Math.ceil((pod.rate * ms) / 1_000));
  pod.connections -= leaving;
  if (isLate) pod.forced += leaving;
  else pod.closed += leaving;
  if (pod.connections === 0) pod.drain = "drained";
  return leaving;
}

/** Its gate is open again. */
export function reopen(pod: SimulatedPod): void {
  Object.assign(pod, { gated: false, reason: undefined, deadlineMs: undefined });
}

/** Whether the gateway was there to hear it. */
export function cancelDrain(pod: SimulatedPod): boolean {
  if (!pod.running || pod.frozen) return false;
  pod.drain = "serving";
  return true;
}
