import type { SeenLoad } from "./load-client.ts";
import type { PodObject } from "./objects.ts";
import { isRunning } from "./pod.ts";

export interface TotalConnections {
  readonly value: number;
  /** When the oldest of its counts was taken, monotonic ms. */
  readonly atMs: number;
}

/**
 * Open connections over all pods of all revisions. Unknown while any pod that may hold clients has not reported, and while no pod
 * runs although some are wanted: an autoscaler would take 0 at its word.
 */
export function totalConnections(
  pods: readonly PodObject[],
  loadOf: (podUid: string) => SeenLoad | undefined,
  { wanted, nowMs, freshMs }: { readonly wanted: number; readonly nowMs: number; readonly freshMs: number },
): TotalConnections | undefined {
  const holders = pods.filter((pod) => isRunning(pod));
  if (holders.length === 0) return wanted === 0 ? { value: 0, atMs: nowMs } : undefined;
  const loads: SeenLoad[] = [];
  for (const pod of holders) {
    const load = loadOf(pod.metadata.uid ?? "");
    if (load !== undefined && nowMs - load.atMs <= freshMs) loads.push(load);
    // A pod that has never been ready has no clients; one that is or was may have.
    else if (hasBeenReady(pod)) return undefined;
  }
  if (loads.length === 0) return undefined;
  return {
    value: loads.reduce((sum, { report }) => sum + report.connections, 0),
    atMs: Math.min(...loads.map(({ atMs }) => atMs)),
  };
}

/** Kubernetes says `ContainersNotReady` for the start as well as for a probe that fails later; only `started` tells them apart. */
function hasBeenReady({ status }: PodObject): boolean {
  return status?.containerStatuses?.find(({ name }) => name === "gateway")?.started === true;
}
