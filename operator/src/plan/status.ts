import type { RealtimeClusterStatus } from "../api/v1alpha1/gen/types.ts";
import { scaleSelector } from "../resources/labels.ts";
import { judge, toConditions, type ConditionInput } from "./conditions.ts";
import { clientEndpoint } from "./endpoint.ts";
import type { Judgement } from "./judgement.ts";
import { computeLedger } from "./ledger.ts";
import { podsCutOff } from "./redis.ts";
import { findRevision, isRollingOut } from "./rollout.ts";
import { gatedPods, openPods, readyOpenPods } from "./pods.ts";

export interface StatusInput extends ConditionInput {
  readonly nowMs: number;
  /** The same moment as RFC 3339, whole seconds. */
  readonly now: string;
}

/** `replicas` is the accepted desired count: an autoscaler that saw surge pods in it would chase its own tail. */
export function computeStatus(input: StatusInput): RealtimeClusterStatus {
  const { observed, serving, target, desired, now, nowMs } = input;
  const { cluster, connections } = observed;
  const { generation, name } = cluster.metadata;
  const revision = findRevision(observed, serving);
  const judgements = judge(input);
  const ledger = computeLedger({ observed, target, now, nowMs });
  const endpoint = clientEndpoint(observed);
  const cut = podsCutOff(observed);
  return {
    observedGeneration: generation,
    replicas: desired,
    readyReplicas: revision === undefined ? 0 : readyOpenPods(revision).length,
    ...(connections !== undefined && { connections }),
    phase: phaseOf(input, judgements),
    selector: scaleSelector(name),
    ...("url" in endpoint && { endpoint: endpoint.url }),
    ...(revision !== undefined && { revision: revision.hash }),
    conditions: toConditions(judgements, cluster.status.conditions ?? [], { generation, now }),
    ...(cut.length > 0 && { podsCutOff: cut }),
    ...(ledger.draining.length > 0 && { draining: ledger.draining }),
    ...(ledger.lastRollout && { lastRollout: ledger.lastRollout }),
    ...(ledger.lastScaleDown && { lastScaleDown: ledger.lastScaleDown }),
  };
}

type Phase = NonNullable<RealtimeClusterStatus["phase"]>;

function phaseOf({ observed, target, serving, desired }: StatusInput, judgements: readonly Judgement[]): Phase {
  const is = (type: string): boolean => judgements.some((each) => each.type === type && each.status === "True");
  if (is("Degraded")) return "Degraded";
  if (isRollingOut(observed, target)) return "RollingOut";
  const revision = findRevision(observed, serving);
  if (revision === undefined) return "Pending";
  if (openPods(revision).length !== desired || gatedPods(revision).length > 0) return "Scaling";
  return is("Ready") ? "Ready" : "Pending";
}

/** A write that the API server refuses for good: it will not help to try again. */
export interface Failure {
  readonly reason: "NameCollision" | "ApplyFailed";
  readonly message: string;
}

/** The status after `apply`: what could not be done is said, and takes the place of what was hoped for. */
export function withFailures(
  status: RealtimeClusterStatus,
  failures: readonly Failure[],
  now: string,
): RealtimeClusterStatus {
  const [failure] = failures;
  if (failure === undefined) return status;
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : "";
  return {
    ...status,
    phase: "Degraded",
    conditions: (status.conditions ?? []).map((each) => {
      if (each.type !== "Degraded") return each;
      const message = `${failure.message}${more}`.slice(0, 4_096);
      const lastTransitionTime = each.status === "True" ? each.lastTransitionTime : now;
      return { ...each, status: "True", lastTransitionTime, reason: failure.reason, message };
    }),
  };
}

/** A spec that this operator does not understand: everything stays as it is, and the status says why. */
export function withInvalidSpec(
  status: RealtimeClusterStatus,
  problems: readonly string[],
  generation: number,
  now: string,
): RealtimeClusterStatus {
  const message = `this version of the operator does not understand the spec: ${problems.join("; ")}`;
  const degraded: Judgement = { type: "Degraded", status: "True", reason: "InvalidSpec", message };
  const before = status.conditions ?? [];
  const others = before.filter(({ type }) => type !== "Degraded");
  return {
    ...status,
    observedGeneration: generation,
    phase: "Degraded",
    conditions: [...others, ...toConditions([degraded], before, { generation, now })],
  };
}
