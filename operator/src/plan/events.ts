/** Events tell people about changes, so they are made from two statuses: the stored one and the next one. */
import type { RealtimeClusterStatus, RolloutProof, ScaleDownProof } from "../api/v1alpha1/gen/types.ts";
import type { PlannedEvent } from "./actions.ts";

export function eventsBetween(before: RealtimeClusterStatus, after: RealtimeClusterStatus): readonly PlannedEvent[] {
  return [
    ...traffic(before, after),
    ...rollout(before, after),
    ...scaleDown(before, after),
    ...degraded(before, after),
    ...redis(before, after),
    ...configured(before, after),
  ];
}

function traffic(before: RealtimeClusterStatus, after: RealtimeClusterStatus): readonly PlannedEvent[] {
  if (after.revision === undefined || before.revision === after.revision) return [];
  const note = `new connections go to revision ${after.revision}`;
  return [{ type: "Normal", reason: "TrafficSwitched", action: "Rollout", note }];
}

function rollout(before: RealtimeClusterStatus, after: RealtimeClusterStatus): readonly PlannedEvent[] {
  const { lastRollout: was } = before;
  const { lastRollout: is } = after;
  if (is === undefined) return [];
  const events: PlannedEvent[] = [];
  if (was?.startedAt !== is.startedAt || was.to !== is.to)
    events.push({ type: "Normal", reason: "RolloutStarted", action: "Rollout", note: `to revision ${is.to}` });
  const isSame = was?.startedAt === is.startedAt;
  events.push(...killed(isSame ? was.killedUndrained : 0, is.killedUndrained, "Rollout"));
  if (is.finishedAt !== undefined && !(isSame && was.finishedAt !== undefined)) {
    const note = `${is.podsReplaced} pods replaced; ${connections(is)}`;
    events.push({ type: "Normal", reason: "RolloutFinished", action: "Rollout", note });
  }
  return events;
}

function scaleDown(before: RealtimeClusterStatus, after: RealtimeClusterStatus): readonly PlannedEvent[] {
  const { lastScaleDown: was } = before;
  const { lastScaleDown: is } = after;
  if (is === undefined) return [];
  const isSame = was?.startedAt === is.startedAt;
  const events = [...killed(isSame ? was.killedUndrained : 0, is.killedUndrained, "ScaleDown")];
  if (is.finishedAt !== undefined && !(isSame && was.finishedAt !== undefined)) {
    const note = `${is.podsRemoved} pods removed; ${connections(is)}`;
    events.push({ type: "Normal", reason: "ScaleDownFinished", action: "ScaleDown", note });
  }
  return events;
}

function connections({ moved = 0, closed, forced, left }: RolloutProof | ScaleDownProof): string {
  return `connections moved ${moved}, closed ${closed}, forced ${forced}, left ${left}`;
}

function killed(before: number, after: number, action: string): readonly PlannedEvent[] {
  if (after <= before) return [];
  const note = `${after - before} pods vanished before their drain had ended`;
  return [{ type: "Warning", reason: "PodKilledUndrained", action, note }];
}

function degraded(before: RealtimeClusterStatus, after: RealtimeClusterStatus): readonly PlannedEvent[] {
  const [was, is] = [before, after].map(({ conditions }) => conditions?.find(({ type }) => type === "Degraded"));
  if (is?.status !== "True" || (was?.status === "True" && was.reason === is.reason)) return [];
  return [{ type: "Warning", reason: is.reason, action: "Reconcile", note: is.message }];
}

/** What is worth an Event of Redis, by the reason of the condition. */
const redisEvents: Readonly<Record<string, string>> = {
  Unreachable: "RedisUnreachable",
  PodsCutOff: "RedisPodsCutOff",
};

function redis(before: RealtimeClusterStatus, after: RealtimeClusterStatus): readonly PlannedEvent[] {
  const [was, is] = [before, after].map(({ conditions = [] }) => conditions.find(({ type }) => type === "RedisReady"));
  if (is === undefined || was?.reason === is.reason) return [];
  const event = { action: "Observe", note: is.message };
  const lost = redisEvents[is.reason];
  if (lost !== undefined) return [{ ...event, type: "Warning", reason: lost }];
  const wasLost = redisEvents[was?.reason ?? ""] !== undefined;
  return wasLost && is.status === "True" ? [{ ...event, type: "Normal", reason: "RedisReached" }] : [];
}

function configured(before: RealtimeClusterStatus, after: RealtimeClusterStatus): readonly PlannedEvent[] {
  const [was, is] = [before, after].map(({ conditions }) => conditions?.find(({ type }) => type === "ConfigApplied"));
  if (is?.status !== "True" || was?.status !== "False") return [];
  return [{ type: "Normal", reason: "ConfigApplied", action: "Configure", note: is.message }];
}
