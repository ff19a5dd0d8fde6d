/** Who this process is, towards the operator and other nodes. */
export interface NodeIdentity {
  /** UID of the pod; a random id outside Kubernetes. */
  readonly podUid: string;
  readonly podName: string;
  /** Revision of the RealtimeCluster this pod was made from; empty outside Kubernetes. */
  readonly revision: string;
}
