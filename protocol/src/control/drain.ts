/** Body of `POST /drain` on the control port. Sending it again changes a drain under way. */
export interface DrainRequest {
  /** `leaseTransitions` of the operator's Lease: a request with a smaller term than one already seen is refused (409). */
  readonly term: number;
  /** Seconds from receipt until every connection that is left is closed. A duration, because clocks of nodes differ. */
  readonly deadlineSeconds: number;
  /** Connections closed per second; raised to remaining / seconds left where the deadline asks for more. */
  readonly ratePerSecond: number;
  readonly reason: DrainReason;
}

/** `unhealthy`: the pod is replaced, because it is cut off from Redis and others are not. */
export type DrainReason = "rollout" | "scale-down" | "unhealthy";

export type DrainState = "serving" | "draining" | "drained";

/** Answer of `POST /drain` and `GET /drain`, and part of every load report. */
export interface DrainStatus {
  readonly state: DrainState;
  /** Open connections when the drain began. */
  readonly atStart: number;
  readonly remaining: number;
  /** Closed with a reconnect code at the rate. */
  readonly closed: number;
  /** Closed with a reconnect code, all at once, because the deadline had come. */
  readonly forced: number;
  /** Left by themselves while the drain ran. */
  readonly left: number;
  readonly secondsToDeadline: number;
}

export const IDLE_DRAIN: DrainStatus = {
  state: "serving",
  atStart: 0,
  remaining: 0,
  closed: 0,
  forced: 0,
  left: 0,
  secondsToDeadline: 0,
};
