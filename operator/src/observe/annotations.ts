/** Annotations on gateway pods: the operator's memory of a drain, kept where a successor finds it. */

/** `rollout`, `scale-down` or `unhealthy`. */
export const DRAIN_REASON_ANNOTATION = "belay.dev/drain-reason";
/** Wall clock in ms. */
export const DRAIN_DEADLINE_ANNOTATION = "belay.dev/drain-deadline-ms";
/** Hash of the configuration that the pod is to run and the wall clock in ms of the call, with a space between. */
export const CONFIG_CALL_ANNOTATION = "belay.dev/config-call";
/** Kubernetes' own: pods with lower costs are removed first. */
export const DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost";
/** The lowest there is. */
export const LOWEST_COST = "-2147483648";
