/** What the operator sees of the simulated cluster: its caches, and load reports asked directly from the pods. */
import type { DrainSent, ObservedPod, ObservedRevision } from "../../src/plan/observed.ts";
import type { SimulatedPod } from "./simulated-pod.ts";

export interface Deployment {
  replicas: number;
  paused: boolean;
}

export interface ReplicaSet {
  specReplicas: number;
  statusReplicas: number;
  fullyLabeled: number;
  ready: number;
  settled: boolean;
  /** Its controller's copies of its pods. */
  seen: SimulatedPod[];
}

/** What the operator's watches have shown it, each kind as late as it likes. */
export interface Caches {
  deployments: Map<string, Deployment>;
  replicaSets: Map<string, ReplicaSet>;
  pods: SimulatedPod[];
  service: string | undefined;
  endpoints: Set<string>;
}

export interface View extends Caches {
  /** The pods as they are. */
  readonly live: readonly SimulatedPod[];
  readonly nowMs: number;
  /** The operator's memory. */
  readonly steady: Map<string, { readonly value: boolean; readonly sinceMs: number }>;
  readonly sent: ReadonlyMap<string, DrainSent>;
}

const template = { metadata: { labels: {} }, spec: {} };
const pausedDeployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "sim" },
  spec: { paused: true },
};

export function observeRevision(hash: string, view: View): ObservedRevision {
  const replicas = view.deployments.get(hash)?.replicas ?? 0;
  return {
    hash,
    deployment: { name: `sim-${hash}`, uid: hash, resourceVersion: "1", replicas, live: pausedDeployment, template },
    replicaSets: observeReplicaSets(hash, view),
    pods: view.pods.filter(({ revision }) => revision === hash).map((pod) => observePod(pod, view)),
  };
}

function observeReplicaSets(hash: string, view: View): ObservedRevision["replicaSets"] {
  const replicaSet = view.replicaSets.get(hash);
  if (replicaSet === undefined) return [];
  const {
    fullyLabeled: fullyLabeledReplicas,
    ready: readyReplicas,
    specReplicas,
    statusReplicas,
    settled,
  } = replicaSet;
  return [{ uid: hash, specReplicas, statusReplicas, settled, fullyLabeledReplicas, readyReplicas, template }];
}

function observePod(pod: SimulatedPod, view: View): ObservedPod {
  const { uid, name, gated, phase, running, ready, terminating } = pod;
  const inEndpoints = view.endpoints.has(uid);
  const outOrInMs = steadyMs(`endpoint ${uid}`, inEndpoints, view);
  return {
    uid,
    name,
    ip: "198.18.0.1",
    replicaSetUid: pod.revision,
    gated,
    drainReason: pod.reason,
    drainDeadlineMs: pod.deadlineMs,
    configCall: undefined,
    phase,
    running,
    ready,
    terminating,
    problem: "",
    load: loadOf(uid, view),
    inEndpoints,
    outOfEndpointsMs: inEndpoints ? 0 : outOrInMs,
    readinessSteadyMs: steadyMs(`ready ${uid}`, ready, view),
    drainSent: view.sent.get(uid),
  };
}

function steadyMs(key: string, value: boolean, { steady, nowMs }: View): number {
  const before = steady.get(key);
  if (before?.value === value) return nowMs - before.sinceMs;
  steady.set(key, { value, sinceMs: nowMs });
  return 0;
}

/** As new as the pod itself. */
function loadOf(uid: string, { live, nowMs }: View): ObservedPod["load"] {
  const pod = live.find((each) => each.uid === uid);
  if (pod === undefined || !pod.running || pod.frozen || pod.terminating) return undefined;
  const { connections, revision, ready, drain, closed, forced, cutOffSinceMs } = pod;
  const status = {
    state: drain,
    atStart: 0,
    remaining: connections,
    moved: 0,
    closed,
    forced,
    left: 0,
    secondsToDeadline: 0,
  };
  const isCutOff = cutOffSinceMs !== undefined;
  const redis = {
    probe: { rounds: 0, failures: 0, rebuilds: 0 },
    problem: isCutOff ? "Redis is not reached" : "",
    troubleSeconds: isCutOff ? (nowMs - cutOffSinceMs) / 1_000 : 0,
  };
  const brokerConnected = !isCutOff;
  return { podUid: uid, revision, connections, ready, notReadyReason: "", brokerConnected, redis, drain: status };
}
