/** The fields of Kubernetes objects that the operator reads. Everything may be missing: a controller may not have written yet. */
import type { KubeObject } from "../kube/kube-client.ts";
import type { PodTemplate } from "../resources/pod-template.ts";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
}

export interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly conditions?: readonly Condition[];
  readonly containerStatuses?: readonly {
    readonly name: string;
    /** The startup probe has succeeded. */
    readonly started?: boolean;
    readonly state?: ContainerState;
  }[];
}

export interface PodObject extends KubeObject {
  readonly status?: PodStatus;
}

export interface DeploymentObject extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly paused?: boolean; readonly template?: PodTemplate };
}

export interface ReplicaSetObject extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly template?: PodTemplate };
  readonly status?: {
    readonly replicas?: number;
    readonly fullyLabeledReplicas?: number;
    readonly readyReplicas?: number;
    readonly observedGeneration?: number;
  };
}

export interface ServiceObject extends KubeObject {
  readonly spec?: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly clusterIP?: string;
    readonly ports?: readonly { readonly name?: string; readonly nodePort?: number }[];
  };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
}

export interface EndpointSliceObject extends KubeObject {
  readonly endpoints?:
    | readonly {
        readonly conditions?: { readonly ready?: boolean };
        readonly targetRef?: { readonly uid?: string };
      }[]
    | null;
}

export interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface StatefulSetObject extends KubeObject {
  readonly status?: { readonly readyReplicas?: number };
}

export interface AutoscalerObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface NodeObject extends KubeObject {
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions?: readonly Condition[];
  };
}
