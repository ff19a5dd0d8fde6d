import type { KubeObject, ObjectMeta } from "../../kube/kube-client.ts";
import type { RealtimeClusterSpec, RealtimeClusterStatus } from "./gen/types.ts";

/** As the API server stores it: the spec may lack defaults that are younger than the object. */
export interface RealtimeClusterObject extends KubeObject {
  readonly spec?: unknown;
  readonly status?: RealtimeClusterStatus;
}

/** With the spec parsed and every default filled in. */
export interface RealtimeCluster {
  readonly metadata: ObjectMeta & { readonly namespace: string; readonly uid: string; readonly generation: number };
  readonly spec: RealtimeClusterSpec;
  readonly status: RealtimeClusterStatus;
}
