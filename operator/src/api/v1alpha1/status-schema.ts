/** The single source of RealtimeCluster's status: what the operator reports, for people, `kubectl wait` and dashboards. */
import { z } from "zod";
import type { RealtimeClusterStatus } from "./gen/types.ts";

const count = z.int32().min(0);
const time = z.string().max(64).meta({ format: "date-time" });

const condition = z
  .strictObject({
    type: z
      .string()
      .max(64)
      .describe("Ready, Progressing, Draining, Degraded, RedisReady, ConfigApplied or AutoscalingActive."),
    status: z.enum(["True", "False", "Unknown"]).describe("Whether it holds."),
    observedGeneration: z.int().min(0).describe("Generation of the spec it was judged by."),
    lastTransitionTime: time.describe("When status changed last."),
    reason: z.string().min(1).max(128).describe("One word for machines."),
    message: z.string().max(4096).describe("For people: what is wrong, and what to do about it."),
  })
  .meta({ typeName: "Condition" });

const drainCounts = z.strictObject({
  startedAt: time.describe("When it began."),
  finishedAt: time.exactOptional().describe("When the last of its pods was gone; absent while it runs."),
  moved: count.exactOptional().describe("Connections that were continued on another pod before they were closed here."),
  closed: count.describe("Connections closed with a reconnect code at the rate."),
  forced: count.describe("Connections closed with a reconnect code because the deadline had come."),
  left: count.describe("Connections whose clients left by themselves during the drain."),
  killedUndrained: count.describe(
    "Pods that vanished before their drain had ended: crash, eviction, deletion by hand.",
  ),
});

const rolloutProof = drainCounts
  .extend({
    from: z.array(z.string().max(64)).max(16).describe("Revisions that were replaced."),
    to: z.string().max(64).describe("Revision that replaced them."),
    podsReplaced: count.describe("Pods of old revisions that were removed."),
  })
  .meta({ typeName: "RolloutProof" });

const scaleDownProof = drainCounts
  .extend({ podsRemoved: count.describe("Pods that were drained and removed.") })
  .meta({ typeName: "ScaleDownProof" });

const drainingPod = z
  .strictObject({
    uid: z.string().max(64).describe("UID of the pod."),
    pod: z.string().max(253).describe("Name of the pod."),
    revision: z.string().max(64).describe("Its revision."),
    reason: z.enum(["rollout", "scale-down", "unhealthy"]).describe("Why it is to be removed."),
    ended: z.boolean().describe("Empty and not ready, or past its deadline: it may be removed now."),
    moved: count.exactOptional().describe("Connections that were continued on another pod."),
    closed: count.describe("Connections closed with a reconnect code at the rate."),
    forced: count.describe("Connections closed with a reconnect code because the deadline had come."),
    left: count.describe("Connections whose clients left by themselves."),
  })
  .meta({ typeName: "DrainingPod" });

const podCutOff = z
  .strictObject({
    pod: z.string().max(253).describe("Name of the pod."),
    problem: z.string().max(256).describe("What is wrong, as the pod sees it."),
  })
  .meta({ typeName: "PodCutOff" });

export const statusSchema: z.ZodType<RealtimeClusterStatus> = z
  .strictObject({
    observedGeneration: z.int().min(0).exactOptional().describe("Generation of the spec this status is about."),
    replicas: count
      .exactOptional()
      .describe("Accepted desired count of gateway pods: what /scale reports, never a count of pods."),
    readyReplicas: count
      .exactOptional()
      .describe("Pods of the serving revision that are Ready and take new connections."),
    connections: z
      .int()
      .min(0)
      .exactOptional()
      .describe("Open connections on all pods; absent while any pod's count is unknown."),
    phase: z
      .enum(["Pending", "Ready", "RollingOut", "Scaling", "Degraded"])
      .exactOptional()
      .describe("One word for a table."),
    selector: z.string().max(1024).exactOptional().describe("Label selector of the pods, as a string, for /scale."),
    endpoint: z
      .string()
      .max(1024)
      .exactOptional()
      .describe("URL for clients, as far as the Service's type makes one known."),
    revision: z.string().max(64).exactOptional().describe("Revision that new connections go to."),
    conditions: z
      .array(condition)
      .max(16)
      .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] })
      .exactOptional()
      .describe("Judgements, each with its reason."),
    lastRollout: rolloutProof.exactOptional().describe("Proof of the running or last rollout."),
    draining: z
      .array(drainingPod)
      .max(2000)
      .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"] })
      .exactOptional()
      .describe("Pods that are to be removed, with what is known of their drain; from it the proofs are counted."),
    podsCutOff: z
      .array(podCutOff)
      .max(64)
      .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["pod"] })
      .exactOptional()
      .describe("Gateway pods that do not reach Redis, or that nothing from Redis reaches; the first 64."),
    lastScaleDown: scaleDownProof.exactOptional().describe("Proof of the running or last scale-down."),
  })
  .meta({ typeName: "RealtimeClusterStatus" });
