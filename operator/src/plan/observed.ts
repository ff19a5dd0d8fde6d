/** What one pass of the operator knows. Made by observe/, read by plan/; nothing in it may be looked up again later. */
import type { DrainPolicy, DrainReason, LoadReport } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { KubeObject, Resource } from "../kube/kube-client.ts";
import type { PodTemplate } from "../resources/pod-template.ts";
import type { SecretReference } from "../resources/references.ts";

/** What a pod accepted last. */
export interface DrainSent {
  readonly ratePerSecond: number;
  readonly term: number;
  /** Absent: ForceClose. */
  readonly policy?: DrainPolicy;
}

export interface ObservedPod {
  readonly uid: string;
  readonly name: string;
  readonly ip: string | undefined;
  /** UID of its ReplicaSet. */
  readonly replicaSetUid: string;
  /** Its drain gate is closed: label `belay.dev/traffic` is `off`. */
  readonly gated: boolean;
  readonly drainReason: DrainReason | undefined;
  /** Wall clock; set by us before the first drain request. */
  readonly drainDeadlineMs: number | undefined;
  readonly phase: string;
  /** A gateway process runs, so there may be clients. */
  readonly running: boolean;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Why its container does not run, `ImagePullBackOff: …`; empty when it does or is on its way. */
  readonly problem: string;
  /** Fresh, or `undefined`: what is old is unknown. */
  readonly load: LoadReport | undefined;
  /** When its kubelet was called last to refresh its files, wall clock, and for which configuration. */
  readonly configCall: { readonly hash: string; readonly atMs: number } | undefined;
  /** In the Service's endpoints as ready. */
  readonly inEndpoints: boolean;
  /** How long it is out of the endpoints, as this process saw it. */
  readonly outOfEndpointsMs: number;
  /** How long `ready` is what it is, as this process saw it. */
  readonly readinessSteadyMs: number;
  /** The last drain request this process sent and the pod accepted. */
  readonly drainSent: DrainSent | undefined;
}

export interface ObservedReplicaSet {
  readonly uid: string;
  readonly specReplicas: number;
  readonly statusReplicas: number;
  readonly fullyLabeledReplicas: number;
  readonly readyReplicas: number;
  /** Its controller has seen its latest spec. */
  readonly settled: boolean;
  /** The template its pods were made from, without the ReplicaSet's own label. */
  readonly template: PodTemplate;
}

/** One Deployment of ours with what it made. */
export interface ObservedRevision {
  readonly hash: string;
  readonly deployment: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly replicas: number;
    readonly live: KubeObject;
    readonly template: PodTemplate;
  };
  readonly replicaSets: readonly ObservedReplicaSet[];
  readonly pods: readonly ObservedPod[];
}

export interface ObservedService {
  /** `belay.dev/revision` of its selector. */
  readonly revision: string | undefined;
  readonly clusterIP: string;
  readonly nodePort: number | undefined;
  /** Address of its load balancer. */
  readonly ingress: string | undefined;
}

export interface ObservedReference extends SecretReference {
  readonly state: "present" | "no secret" | "no key" | "unknown";
}

export interface ObservedRedisPod {
  readonly name: string;
  readonly uid: string;
  readonly isSentinel: boolean;
  readonly ip: string | undefined;
  readonly ready: boolean;
  readonly configCall: ObservedPod["configCall"];
  /** Why its container does not run; empty when it does or is on its way. */
  readonly problem: string;
}

export interface ObservedAutoscaler {
  readonly active: boolean;
  readonly reason: string;
  readonly message: string;
}

/** State of custom.metrics.k8s.io as this operator sees it. */
export interface ObservedMetricsApi {
  readonly state: "ours" | "foreign" | "off" | "unknown";
  readonly message: string;
}

export interface ObservedChild {
  readonly resource: Resource;
  readonly live: KubeObject;
}

export interface Observed {
  readonly cluster: RealtimeCluster;
  readonly revisions: readonly ObservedRevision[];
  readonly service: ObservedService | undefined;
  /** Live objects in the namespace that carry our label or one of our names, Deployments included. */
  readonly children: readonly ObservedChild[];
  readonly references: readonly ObservedReference[];
  readonly autoscaler: ObservedAutoscaler | undefined;
  readonly metricsApi: ObservedMetricsApi;
  /** Uids of gateway pods that have just gone, and may have left something in the registry. */
  readonly gonePods: readonly string[];
  /** Pods of the managed Redis, sentinels included. */
  readonly redisPods: readonly ObservedRedisPod[];
  /** What gateways report that use the password of a managed Redis with Sentinel; `undefined` while that is not known. */
  readonly redisLogin: string | undefined;
  /** Open connections on all pods of all revisions; unknown while any ready pod's is. */
  readonly connections: number | undefined;
  /** Address of a ready node, for endpoints of type NodePort. */
  readonly nodeAddress: string | undefined;
  /** `leaseTransitions` of our Lease. */
  readonly term: number;
}
