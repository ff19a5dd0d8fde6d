/** Judgements, each with a reason for machines and a message that says what to do. */
import type { Condition } from "../api/v1alpha1/gen/types.ts";
import type { Collision } from "./children.ts";
import { configApplied, configRefusal } from "./config.ts";
import { clientEndpoint } from "./endpoint.ts";
import { type Judgement, verdict } from "./judgement.ts";
import type { Observed, ObservedPod, ObservedRevision } from "./observed.ts";
import { activePods, connectionsOf, gatedPods, isAborted, openPods, readyOpenPods } from "./pods.ts";
import { missingSecret } from "./missing-secret.ts";
import { redisReady } from "./redis.ts";
import { findRevision } from "./rollout.ts";

export interface ConditionInput {
  readonly observed: Observed;
  readonly target: string;
  readonly serving: string;
  readonly desired: number;
  /** Hash of the configuration that pods are to run. */
  readonly configHash: string;
  readonly collisions: readonly Collision[];
}

export function judge(input: ConditionInput): readonly Judgement[] {
  return [
    ready(input),
    progressing(input),
    draining(input),
    degraded(input),
    redisReady(input.observed),
    configApplied(input.observed, input.configHash),
    autoscaling(input),
  ];
}

/** `lastTransitionTime` moves only when the status does. */
export function toConditions(
  judgements: readonly Judgement[],
  before: readonly Condition[],
  { generation, now }: { readonly generation: number; readonly now: string },
): readonly Condition[] {
  return judgements.map(({ type, status, reason, message }) => {
    const last = before.find((each) => each.type === type);
    const lastTransitionTime = last?.status === status ? last.lastTransitionTime : now;
    return {
      type,
      status,
      observedGeneration: generation,
      lastTransitionTime,
      reason,
      message: message.slice(0, 4_096),
    };
  });
}

function ready({ observed, target, serving, desired }: ConditionInput): Judgement {
  const no = verdict("Ready", "False");
  const revision = findRevision(observed, serving);
  const endpoint = clientEndpoint(observed);
  if (serving !== target)
    return no("RollingOut", `revision ${serving} still serves; ${target} is not ready to take over`);
  if (revision === undefined) return no("Starting", "no pod has been started yet");
  if ("missing" in endpoint) return no("NoAddress", endpoint.missing);
  if (observed.service?.revision !== serving)
    return no("SwitchingTraffic", `the Service does not select ${serving} yet`);
  const count = readyOpenPods(revision).length;
  if (count < desired) return no("PodsNotReady", `${count} of ${desired} pods are ready${problemOf(revision)}`);
  if (desired > 0 && !revision.pods.some(({ inEndpoints }) => inEndpoints))
    return no("NoEndpoints", "the Service has no ready endpoint yet");
  return {
    type: "Ready",
    status: "True",
    reason: "Serving",
    message: `${count} of ${desired} pods serve ${endpoint.url}`,
  };
}

function problemOf(revision: ObservedRevision): string {
  const problem = activePods(revision).find((pod) => pod.problem !== "");
  return problem === undefined ? "" : `; ${problem.name}: ${problem.problem}`;
}

function progressing({ observed, target, serving, desired }: ConditionInput): Judgement {
  const yes = verdict("Progressing", "True");
  const others = observed.revisions.filter(({ hash }) => hash !== target);
  if (others.length > 0) {
    const next = findRevision(observed, target);
    const left = others.flatMap(activePods).length;
    const count = next === undefined ? 0 : readyOpenPods(next).length;
    const step = serving === target ? `${left} old pods are left` : `${count} of ${desired} new pods are ready`;
    return yes("RollingOut", `to ${target}: ${step}${next === undefined ? "" : problemOf(next)}`);
  }
  const revision = findRevision(observed, target);
  if (revision === undefined) return yes("Starting", `revision ${target} is to be started`);
  const open = openPods(revision).length;
  if (open !== desired || gatedPods(revision).length > 0) return yes("Scaling", `${open} pods, ${desired} desired`);
  if (readyOpenPods(revision).length < desired) return yes("Starting", `pods are starting${problemOf(revision)}`);
  return { type: "Progressing", status: "False", reason: "Complete", message: `revision ${target} is complete` };
}

function draining({ observed }: ConditionInput): Judgement {
  const pods = observed.revisions.flatMap(gatedPods);
  if (pods.length === 0)
    return { type: "Draining", status: "False", reason: "None", message: "no pod is being drained" };
  const known = pods.map(connectionsOf).filter((count) => count < Number.MAX_SAFE_INTEGER);
  const unknown = pods.length - known.length;
  const left = known.reduce((sum, count) => sum + count, 0);
  const silent = unknown === 0 ? "" : `; ${unknown} of them do not answer`;
  const aborted = pods.filter(isAborted).length;
  const message = `${pods.length} pods, ${left} connections left${silent}${lateness(pods, observed)}`;
  if (aborted === 0) return { type: "Draining", status: "True", reason: "MovingClients", message };
  const fix = "set spec.drain.policy to Wait or ForceClose, or take the change back";
  return {
    type: "Draining",
    status: "True",
    reason: "Aborted",
    message: `${message}; ${aborted} pods gave up at their deadline by spec.drain.policy Abort: ${fix}`,
  };
}

/** Deadline and capacity contradict each other: who decides, and what would help. */
function lateness(pods: readonly ObservedPod[], { cluster }: Observed): string {
  const late = pods.reduce((sum, { load }) => sum + (load?.drain.late ?? 0), 0);
  if (late === 0) return "";
  const help = "raise spec.drain.deadlineSeconds or spec.limits.handshakesPerSecond";
  return `; ${late} of them cannot leave by their deadline, because the pods that stay take no more at a time: spec.drain.policy ${cluster.spec.drain.policy} decides; ${help}`;
}

function degraded({ observed, collisions, target, configHash }: ConditionInput): Judgement {
  const yes = verdict("Degraded", "True");
  const { namespace, name } = observed.cluster.metadata;
  const [collision] = collisions;
  if (collision !== undefined) {
    const where = `${collision.kind} "${collision.name}" in namespace "${namespace}"`;
    return yes(
      "NameCollision",
      `${where} exists and does not belong to RealtimeCluster "${name}": delete or rename it, or give the RealtimeCluster another name`,
    );
  }
  const missing = observed.references.find(({ state }) => state === "no secret" || state === "no key");
  if (missing !== undefined) return yes("SecretMissing", missingSecret(missing, namespace));
  const refusal = configRefusal(observed, configHash);
  if (refusal !== undefined) return yes("ConfigRefused", refusal);
  const revision = findRevision(observed, target);
  const problem = revision === undefined ? "" : problemOf(revision);
  if (problem !== "") return yes("PodsFailing", `revision ${target}${problem}`);
  return { type: "Degraded", status: "False", reason: "AsDesired", message: "nothing is wrong" };
}

function autoscaling({ observed: { cluster, autoscaler, metricsApi } }: ConditionInput): Judgement {
  const no = verdict("AutoscalingActive", "False");
  if (cluster.spec.autoscaling === undefined) return no("NotConfigured", "spec.autoscaling is not set");
  if (metricsApi.state === "foreign") return no("ForeignMetricsApi", metricsApi.message);
  if (metricsApi.state === "off") return no("MetricsApiOff", metricsApi.message);
  if (autoscaler === undefined) return no("Starting", "the HorizontalPodAutoscaler has not looked yet");
  if (!autoscaler.active) return no(autoscaler.reason, autoscaler.message);
  return { type: "AutoscalingActive", status: "True", reason: autoscaler.reason, message: autoscaler.message };
}
