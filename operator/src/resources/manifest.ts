import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { KubeObject, Resource } from "../kube/kube-client.ts";

/** An object as the operator wants it: only fields that the operator decides. */
export interface Manifest extends KubeObject {
  readonly [field: string]: unknown;
}

export interface Child {
  readonly resource: Resource;
  readonly manifest: Manifest;
}

/** What the operator was installed with and builders need. */
export interface Installation {
  readonly gatewayImage: string;
  readonly redisImage: string;
  /** Namespace whose pods may reach the control port. */
  readonly operatorNamespace: string;
}

/** Input of every builder. */
export interface Blueprint {
  readonly cluster: RealtimeCluster;
  readonly installation: Installation;
}
