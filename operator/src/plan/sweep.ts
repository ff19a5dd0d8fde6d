/** Pods that are gone leave ghosts in the registry until their leases end: a gateway is asked to remove them at once. */
import { MAX_SWEPT_PODS } from "@belay/protocol/control";
import type { Action } from "./actions.ts";
import type { Observed } from "./observed.ts";

/** Asks one pod that reaches Redis; the first by name, so that every replica of the operator would ask the same one. */
export function sweepActions({ gonePods, revisions }: Observed): readonly Action[] {
  if (gonePods.length === 0) return [];
  const able = revisions
    .flatMap(({ pods }) => pods)
    .filter(({ running, terminating, load }) => running && !terminating && load?.brokerConnected === true)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, uid, ip } of able) {
    if (ip !== undefined)
      return [{ type: "sweep", pod: { name, uid, ip }, podUids: gonePods.slice(0, MAX_SWEPT_PODS) }];
  }
  return [];
}
