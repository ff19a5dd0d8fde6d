/** What the operator may do: what its code does, and no more. `npm run gen` makes the chart's roles from it. */
import type { Resource } from "./kube/kube-client.ts";
import { RESOURCES } from "./kube/resources.ts";
import { CHILD_STORES, STORE_RESOURCES } from "./observe/stores.ts";

type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";

/** A rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly Verb[];
}

export interface OperatorRules {
  /** In the operator's own namespace. */
  readonly release: readonly PolicyRule[];
  /** In every namespace it serves. */
  readonly watched: readonly PolicyRule[];
  /** For objects without a namespace. */
  readonly cluster: readonly PolicyRule[];
  /** Only where it serves the metrics API. */
  readonly metricsApi: readonly PolicyRule[];
}

/** Server-side apply is a patch, and a create where nothing stands yet. */
const CHILD_VERBS: readonly Verb[] = ["get", "list", "watch", "create", "patch", "delete"];

const children = CHILD_STORES.map((store) => STORE_RESOURCES[store]);

export const operatorRules: OperatorRules = {
  release: [
    rule([RESOURCES.leases], ["get", "create", "update"]),
    // The serving certificate of the metrics API.
    rule([RESOURCES.secrets], ["get", "create", "update"]),
  ],
  watched: [
    rule([RESOURCES.realtimeClusters], ["list", "watch", "patch"]),
    rule([RESOURCES.realtimeClusters], ["patch"], "status"),
    // Children that hold up the deletion of their owner: some clusters ask for this right.
    rule([RESOURCES.realtimeClusters], ["update"], "finalizers"),
    ...Map.groupBy(children, groupOf)
      .values()
      .map((resources) => rule(resources, CHILD_VERBS)),
    rule([RESOURCES.replicaSets], ["list", "watch"]),
    rule([RESOURCES.endpointSlices], ["list", "watch"]),
    // Gates: a label and annotations.
    rule([RESOURCES.pods], ["list", "watch", "patch"]),
    rule([RESOURCES.events], ["create", "patch"]),
  ],
  // Their addresses are the endpoint of a NodePort.
  cluster: [rule([RESOURCES.nodes], ["list"])],
  metricsApi: [
    rule([RESOURCES.apiServices], ["get", "create", "patch"]),
    // The role that owns the APIService.
    rule([RESOURCES.clusterRoles], ["get"]),
  ],
};

function groupOf({ apiVersion }: Resource): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

/** For resources of one API group. */
function rule(resources: readonly Resource[], verbs: readonly Verb[], subresource?: string): PolicyRule {
  return {
    apiGroups: [...new Set(resources.map(groupOf))],
    resources: resources.map(({ plural }) => (subresource === undefined ? plural : `${plural}/${subresource}`)),
    verbs,
  };
}
