import type { ObservedPod } from "./observed.ts";

const FIX =
  "histories and registrations can vanish; set maxmemory-policy to noeviction and give Redis the memory it needs";

/** What is wrong where a pod reports that Redis may evict keys, with what to do. */
export function evictionMessage(pods: readonly ObservedPod[]): string | undefined {
  for (const { load } of pods) if (load?.redisEvicts !== undefined) return `${load.redisEvicts}: ${FIX}`;
  return undefined;
}
