/**
 * Body of `POST /sweep` on the control port: the pod ends these pods' leases in the registry and removes what they held. Safe to
 * repeat, and safe where a pod lives after all: that one registers everything again.
 */
export interface SweepRequest {
  /** Uids of gateway pods that are gone; 1 to 100. */
  readonly podUids: readonly string[];
}

/** Most uids in one request. */
export const MAX_SWEPT_PODS = 100;
