/** What a plan asks `apply` to do. Each is safe to repeat and safe to lose. */
import type { DrainCancellation, DrainReason, DrainRequest } from "@belay/protocol/control";
import type { RealtimeClusterStatus } from "../api/v1alpha1/gen/types.ts";
import type { Resource } from "../kube/kube-client.ts";
import type { Child } from "../resources/manifest.ts";
import type { PodTemplate } from "../resources/pod-template.ts";
import type { GeneratedSecret } from "../resources/secrets.ts";

/** A Redis server or a sentinel. */
export interface RedisServer {
  readonly ip: string;
  readonly isSentinel: boolean;
}

interface PodTarget {
  readonly name: string;
  readonly uid: string;
}

export type Action =
  /** Server-side apply, our fields by force. `liveVersion` is absent for an object not seen: apply looks first whose name it is. */
  | { readonly type: "apply"; readonly child: Child; readonly liveVersion: string | undefined }
  /** Only if it is absent. */
  | { readonly type: "create"; readonly child: Child }
  /** Create it, or add the keys that are missing, with new random values. */
  | { readonly type: "generate-secret"; readonly secret: GeneratedSecret }
  /** One step of changing the password of a managed Redis, while the Secret is this version of itself. */
  | {
      readonly type: "change-password";
      readonly step: "begin" | "move" | "finish";
      readonly secret: string;
      readonly resourceVersion: string;
      /** All of its servers; none where the step is the Secret's alone. */
      readonly servers: readonly RedisServer[];
      /** `passwordVersion` that it is changed to. */
      readonly version: number;
    }
  /** Write spec.replicas where the user has left it out. */
  | { readonly type: "write-replicas"; readonly replicas: number }
  /** JSON patch with a test, so that a second writer is noticed. */
  | { readonly type: "scale"; readonly deployment: string; readonly from: number; readonly to: number }
  /** Put the template of a revision's Deployment back, and pause it. */
  | { readonly type: "restore-template"; readonly deployment: string; readonly template: PodTemplate }
  /** Close the drain gate: label, deletion cost and reason in one patch. */
  | { readonly type: "gate"; readonly pod: PodTarget; readonly reason: DrainReason }
  /** Open it again: all of that back, and the deadline. */
  | { readonly type: "reopen"; readonly pod: PodTarget }
  /** Note the deadline at the pod, before the first request. */
  | { readonly type: "begin-drain"; readonly pod: PodTarget; readonly deadlineMs: number }
  /** Have the kubelet refresh the pod's files now: note at the pod which configuration it is to run. */
  | { readonly type: "call-config"; readonly pod: PodTarget; readonly hash: string; readonly atMs: number }
  | { readonly type: "drain"; readonly pod: PodTarget & { readonly ip: string }; readonly request: DrainRequest }
  /** Take its drain back. */
  | {
      readonly type: "cancel-drain";
      readonly pod: PodTarget & { readonly ip: string };
      readonly request: DrainCancellation;
    }
  /** Have this pod remove what pods that are gone held. */
  | { readonly type: "sweep"; readonly pod: PodTarget & { readonly ip: string }; readonly podUids: readonly string[] }
  | {
      readonly type: "delete";
      readonly resource: Resource;
      readonly name: string;
      readonly uid: string;
      /** Only while it is still this version. */
      readonly resourceVersion?: string;
    };

export interface Plan {
  readonly actions: readonly Action[];
  readonly status: RealtimeClusterStatus;
  /** Look again after this long, also without a change. */
  readonly requeueAfterMs: number;
}

/** An Event about the RealtimeCluster. */
export interface PlannedEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}
