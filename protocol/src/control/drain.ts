/** Body of `POST /drain` on the control port. Sending it again changes a drain under way. */
export interface DrainRequest {
  /** `leaseTransitions` of the operator's Lease: a request with a smaller term than one already seen is refused (409). */
  readonly term: number;
  /** Seconds from receipt until the policy decides about what is left. A duration, because clocks of nodes differ. */
  readonly deadlineSeconds: number;
  /** Connections asked to leave per second; raised to remaining / seconds left where the deadline asks for more. */
  readonly ratePerSecond: number;
  readonly reason: DrainReason;
  /** `ForceClose` where it is absent. */
  readonly policy?: DrainPolicy;
}

/** Another body of `POST /drain`: the drain is taken back, and the pod serves again. */
export interface DrainCancellation {
  readonly term: number;
  readonly cancel: true;
}

/** `unhealthy`: the pod is replaced, because it is cut off from Redis and others are not. */
export type DrainReason = "rollout" | "scale-down" | "unhealthy";

/**
 * What happens to connections that are left at the deadline: they are closed at once; they are waited for; or they stay, and the drain
 * ends.
 */
export type DrainPolicy = "ForceClose" | "Wait" | "Abort";

export type DrainState = "serving" | "draining" | "drained";

/** Answer of `POST /drain` and `GET /drain`, and part of every load report. */
export interface DrainStatus {
  readonly state: DrainState;
  /** Open connections when the drain began. */
  readonly atStart: number;
  readonly remaining: number;
  /** Continued on another pod; absent from gateways older than this field. */
  readonly moved?: number;
  /** Closed with a reconnect code at the rate. */
  readonly closed: number;
  /** Closed with a reconnect code, all at once, because the deadline had come. */
  readonly forced: number;
  /** Left by themselves while the drain ran. */
  readonly left: number;
  /**
   * Of those remaining, how many cannot be asked to leave by the deadline, because the pods that stay take no more at a time: the policy
   * decides about them. Absent where nothing is drained.
   */
  readonly late?: number;
  readonly secondsToDeadline: number;
  /** The newest drain that has ended; absent while none has. */
  readonly report?: DrainReport;
}

/** How a drain ended: with an empty pod, taken back, or given up at its deadline (policy `Abort`). */
export type DrainOutcome = "drained" | "cancelled" | "aborted";

/** What became of a drain. */
export interface DrainReport {
  readonly outcome: DrainOutcome;
  readonly atStart: number;
  readonly moved: number;
  readonly closed: number;
  readonly forced: number;
  readonly left: number;
  /** Connections that stayed. */
  readonly stayed: number;
  readonly tookSeconds: number;
}

export const IDLE_DRAIN: DrainStatus = {
  state: "serving",
  atStart: 0,
  remaining: 0,
  moved: 0,
  closed: 0,
  forced: 0,
  left: 0,
  secondsToDeadline: 0,
};
