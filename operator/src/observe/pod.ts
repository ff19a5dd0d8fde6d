/** A Pod object as the plan sees it. */
import { COMPONENT_LABEL, type DrainReason, TRAFFIC_LABEL } from "@belay/protocol/control";
import type { ObservedPod, ObservedRedisPod } from "../plan/observed.ts";
import { CONFIG_CALL_ANNOTATION, DRAIN_DEADLINE_ANNOTATION, DRAIN_REASON_ANNOTATION } from "./annotations.ts";
import type { PodObject, PodStatus } from "./objects.ts";

/** What does not come from the Pod object. */
export type PodContext = Pick<
  ObservedPod,
  "load" | "inEndpoints" | "outOfEndpointsMs" | "readinessSteadyMs" | "drainSent"
>;

/** A process with an address may have clients. */
export function isRunning({ metadata, status }: PodObject): boolean {
  const container = status?.containerStatuses?.find(({ name }) => name === "gateway");
  return (
    metadata.deletionTimestamp === undefined && status?.podIP !== undefined && container?.state?.running !== undefined
  );
}

export function observePod(pod: PodObject, context: PodContext): ObservedPod {
  const { metadata, status = {} } = pod;
  const { labels = {}, annotations = {}, uid = "" } = metadata;
  return {
    ...context,
    uid,
    name: metadata.name,
    ip: status.podIP,
    replicaSetUid: replicaSetUid(pod),
    gated: labels[TRAFFIC_LABEL] === "off",
    drainReason: drainReason(annotations[DRAIN_REASON_ANNOTATION]),
    drainDeadlineMs: numberOf(annotations[DRAIN_DEADLINE_ANNOTATION]),
    configCall: configCall(annotations[CONFIG_CALL_ANNOTATION]),
    phase: status.phase ?? "Pending",
    running: isRunning(pod),
    ready: isReady(pod),
    terminating: metadata.deletionTimestamp !== undefined,
    problem: containerProblem(status, "gateway") || schedulingProblem(status),
  };
}

/** Of a managed Redis; none for a pod of a gateway. */
export function observeRedisPod(pod: PodObject): readonly ObservedRedisPod[] {
  const { metadata, status = {} } = pod;
  const { labels = {}, annotations = {}, uid = "" } = metadata;
  const component = labels[COMPONENT_LABEL] ?? "gateway";
  if (component === "gateway" || metadata.deletionTimestamp !== undefined) return [];
  const isSentinel = component === "sentinel";
  return [
    {
      name: metadata.name,
      uid,
      isSentinel,
      ip: status.podIP,
      ready: isReady(pod),
      configCall: configCall(annotations[CONFIG_CALL_ANNOTATION]),
      problem: containerProblem(status, isSentinel ? "sentinel" : "redis") || schedulingProblem(status),
    },
  ];
}

export function isReady({ status }: PodObject): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function replicaSetUid({ metadata: { ownerReferences = [] } }: PodObject): string {
  return ownerReferences.find(({ kind }) => kind === "ReplicaSet")?.uid ?? "";
}

function configCall(text = ""): ObservedPod["configCall"] {
  const [hash = "", time] = text.split(" ");
  const atMs = numberOf(time);
  return hash === "" || atMs === undefined ? undefined : { hash, atMs };
}

function drainReason(text: string | undefined): DrainReason | undefined {
  return text === "rollout" || text === "scale-down" || text === "unhealthy" ? text : undefined;
}

/** Reasons that pass by themselves. */
const passing = new Set(["ContainerCreating", "PodInitializing"]);

function containerProblem({ containerStatuses = [] }: PodStatus, container: string): string {
  const { reason, message } = containerStatuses.find(({ name }) => name === container)?.state?.waiting ?? {};
  if (reason === undefined || passing.has(reason)) return "";
  return (message === undefined ? reason : `${reason}: ${message}`).slice(0, 500);
}

function schedulingProblem({ conditions = [] }: PodStatus): string {
  const scheduled = conditions.find(({ type }) => type === "PodScheduled");
  if (scheduled?.reason !== "Unschedulable") return "";
  return `Unschedulable: ${scheduled.message ?? ""}`.slice(0, 500);
}
