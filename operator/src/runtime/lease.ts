import type { KubeObject } from "../kube/kube-client.ts";

/** coordination.k8s.io/v1 Lease. Times are MicroTime: RFC 3339 with six digits, anything else is refused. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}

/** What we saw of the lease, and when by our own clock: times that others wrote are never compared with ours. */
export interface SeenLease {
  readonly holder: string;
  readonly renewTime: string;
  readonly durationMs: number;
  readonly changedAtMs: number;
}

/** Whether somebody else's lease may be taken: it was released, or has not changed for its duration. Pure. */
export function isTakeable(seen: SeenLease, nowMs: number): boolean {
  return seen.holder === "" || nowMs - seen.changedAtMs >= seen.durationMs;
}

/** Takes note of a read lease; a lease that did not change keeps the time at which it was first seen so. Pure. */
export function observeLease(before: SeenLease | undefined, { spec = {} }: Lease, nowMs: number): SeenLease {
  const holder = spec.holderIdentity ?? "";
  const renewTime = spec.renewTime ?? "";
  const same = before !== undefined && before.holder === holder && before.renewTime === renewTime;
  return {
    holder,
    renewTime,
    durationMs: (spec.leaseDurationSeconds ?? 0) * 1_000,
    changedAtMs: same ? before.changedAtMs : nowMs,
  };
}
