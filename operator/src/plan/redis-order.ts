/**
 * Nodes and sentinels of a managed Redis are two StatefulSets, and Kubernetes knows nothing of what they are to each other. A
 * template of one is changed only while the other is complete: at any time a majority of sentinels and all Redis but one are there.
 */
import type { KubeObject } from "../kube/kube-client.ts";
import { names } from "../resources/names.ts";
import type { Action } from "./actions.ts";
import type { Observed } from "./observed.ts";

interface StatefulSet extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
  };
}

/** Without the steps that have to wait for the other StatefulSet. */
export function oneSetAtATime(observed: Observed, actions: readonly Action[]): readonly Action[] {
  const { name } = observed.cluster.metadata;
  const [nodes, sentinels] = [names.redisNodes(name), names.sentinels(name)];
  const nodesChange = actions.some((action) => setOf(action) === nodes) && mayChange(observed, nodes, sentinels);
  return actions.filter((action) => {
    const set = setOf(action);
    if (set === nodes) return nodesChange;
    if (set !== sentinels) return true;
    const isNew = find(observed, sentinels) === undefined;
    return isNew || (!nodesChange && mayChange(observed, sentinels, nodes));
  });
}

function setOf(action: Action): string | undefined {
  if (action.type !== "apply" || action.child.resource.kind !== "StatefulSet") return undefined;
  return action.child.manifest.metadata.name;
}

function mayChange(observed: Observed, name: string, otherName: string): boolean {
  const own = find(observed, name);
  const other = find(observed, otherName);
  if (own === undefined || other === undefined || isComplete(other)) return true;
  // What is being replaced already may be corrected: that is how a template that cannot start is mended.
  return isRolling(own) && !isRolling(other);
}

function find({ children }: Observed, name: string): StatefulSet | undefined {
  return children.find(({ resource, live }) => resource.kind === "StatefulSet" && live.metadata.name === name)?.live;
}

function isRolling({ metadata, status = {} }: StatefulSet): boolean {
  const { observedGeneration = 0, currentRevision, updateRevision } = status;
  return observedGeneration < (metadata.generation ?? 0) || currentRevision !== updateRevision;
}

function isComplete(set: StatefulSet): boolean {
  const { readyReplicas = 0, availableReplicas = readyReplicas } = set.status ?? {};
  return !isRolling(set) && availableReplicas >= (set.spec?.replicas ?? 1);
}
