import type { ObservedPod } from "./observed.ts";
import { connectionsOf } from "./pods.ts";
import { isPodCutOff } from "./redis.ts";

/**
 * Who leaves first: pods whose process does not run, then pods that are not ready, then pods that are cut off from Redis, then
 * those with the fewest connections; the name decides between equals, so that every pass and every replica chooses alike.
 */
export function chooseVictims(open: readonly ObservedPod[], count: number): readonly ObservedPod[] {
  return open.toSorted(compare).slice(0, Math.max(0, count));
}

function compare(a: ObservedPod, b: ObservedPod): number {
  return (
    Number(a.running) - Number(b.running) ||
    Number(a.ready) - Number(b.ready) ||
    Number(isPodCutOff(b)) - Number(isPodCutOff(a)) ||
    connectionsOf(a) - connectionsOf(b) ||
    (a.name < b.name ? -1 : 1)
  );
}
