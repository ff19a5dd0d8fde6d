/** Observed values for tables: a revision of ready pods, from which each row differs in one thing. */
import type { DrainOutcome, LoadReport } from "@belay/protocol/control";
import type { RealtimeClusterSpec, RealtimeClusterStatus } from "../../src/api/v1alpha1/gen/types.ts";
import { specSchema } from "../../src/api/v1alpha1/schema.ts";
import type {
  Observed,
  ObservedPod,
  ObservedRedisPod,
  ObservedReplicaSet,
  ObservedRevision,
} from "../../src/plan/observed.ts";

const template = { metadata: { labels: {} }, spec: {} };

export function load(connections: number, state: "serving" | "draining" | "drained" = "serving"): LoadReport {
  const drain = { state, atStart: 0, remaining: 0, moved: 0, closed: 0, forced: 0, left: 0, secondsToDeadline: 0 };
  return { podUid: "", revision: "", connections, ready: true, notReadyReason: "", brokerConnected: true, drain };
}

/** How its last drain ended. */
export function withReport(report: LoadReport, outcome: DrainOutcome): LoadReport {
  const counts = { atStart: 5, moved: 0, closed: 0, forced: 0, left: 0, stayed: 5, tookSeconds: 1 };
  return { ...report, drain: { ...report.drain, report: { outcome, ...counts } } };
}

/** Of a standalone Redis. */
export const redisPod: ObservedRedisPod = {
  name: "chat-redis-0",
  uid: "redis",
  isSentinel: false,
  ip: "198.18.0.9",
  ready: true,
  configCall: undefined,
  problem: "",
};

export function pod(name: string, change: Partial<ObservedPod> = {}): ObservedPod {
  return {
    uid: name,
    name,
    ip: "198.18.0.1",
    replicaSetUid: "rs",
    gated: false,
    drainReason: undefined,
    drainDeadlineMs: undefined,
    configCall: undefined,
    phase: "Running",
    running: true,
    ready: true,
    terminating: false,
    problem: "",
    load: load(10),
    inEndpoints: true,
    outOfEndpointsMs: 0,
    readinessSteadyMs: 60_000,
    drainSent: undefined,
    ...change,
  };
}

/** Gated, drained, seen not ready, and its end noted. */
export function drainedPod(name: string, change: Partial<ObservedPod> = {}): ObservedPod {
  return pod(name, {
    gated: true,
    ready: false,
    inEndpoints: false,
    outOfEndpointsMs: 5_000,
    drainReason: "scale-down",
    drainDeadlineMs: 60_000,
    load: load(0, "drained"),
    ...change,
  });
}

/** With a ReplicaSet that has seen everything. */
export function revision(
  hash: string,
  pods: readonly ObservedPod[],
  change: { readonly replicas?: number; readonly replicaSet?: Partial<ObservedReplicaSet> } = {},
): ObservedRevision {
  const active = pods.filter(({ terminating }) => !terminating);
  const replicas = change.replicas ?? active.length;
  return {
    hash,
    deployment: {
      name: `chat-${hash}`,
      uid: hash,
      resourceVersion: "1",
      replicas,
      live: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: `chat-${hash}` } },
      template,
    },
    replicaSets: [
      {
        uid: "rs",
        specReplicas: replicas,
        statusReplicas: active.length,
        fullyLabeledReplicas: active.filter(({ gated }) => !gated).length,
        readyReplicas: active.filter(({ ready }) => ready).length,
        settled: true,
        template,
        ...change.replicaSet,
      },
    ],
    pods,
  };
}

export function observed(
  revisions: readonly ObservedRevision[],
  change: Partial<Observed> & {
    readonly spec?: Partial<RealtimeClusterSpec>;
    readonly status?: RealtimeClusterStatus;
  } = {},
): Observed {
  const { spec, status, ...rest } = change;
  return {
    cluster: {
      metadata: { name: "chat", namespace: "shop", uid: "cluster", generation: 1 },
      spec: { ...specSchema.parse({ replicas: 2 }), ...spec },
      status: status ?? {},
    },
    revisions,
    service: { revision: revisions[0]?.hash, clusterIP: "198.18.128.7", nodePort: undefined, ingress: undefined },
    children: [],
    references: [],
    autoscaler: undefined,
    metricsApi: { state: "off", message: "" },
    gonePods: [],
    redisPods: [redisPod],
    redisLogin: undefined,
    connections: undefined,
    nodeAddress: undefined,
    term: 4,
    ...rest,
  };
}
