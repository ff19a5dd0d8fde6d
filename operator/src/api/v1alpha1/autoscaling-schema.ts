/** Schema of the autoscaling section: bounds, target, and the HPA's own behavior fields. */
import { z } from "zod";
import { rules } from "../fields.ts";
import type { AutoscalingSpec } from "./gen/types.ts";

const policy = z.strictObject({
  type: z.enum(["Pods", "Percent"]).describe("Unit of value."),
  value: z.int32().min(1).max(1000).describe("Largest change within the period."),
  periodSeconds: z.int32().min(1).max(1800).describe("Length of the period."),
});

const direction = z
  .strictObject({
    stabilizationWindowSeconds: z
      .int32()
      .min(0)
      .max(3600)
      .exactOptional()
      .describe("Seconds looked back for the safest recommendation."),
    selectPolicy: z.enum(["Max", "Min", "Disabled"]).exactOptional().describe("Which policy wins."),
    policies: z.array(policy).min(1).max(8).exactOptional().describe("Limits of change."),
  })
  .meta({ typeName: "ScalingDirection" });

export const autoscaling: z.ZodType<AutoscalingSpec> = z
  .strictObject({
    minReplicas: z.int32().min(1).max(1000).default(1).describe("Fewest pods."),
    maxReplicas: z.int32().min(1).max(1000).describe("Most pods."),
    targetConnectionsPerPod: z.int32().min(1).max(1_000_000).describe("Open connections per pod to aim for."),
    behavior: z
      .strictObject({
        scaleUp: direction.exactOptional().describe("How fast pods are added."),
        scaleDown: direction
          .exactOptional()
          .describe("How fast pods are removed. Absent: a window of 300 s and at most 10 % (or one pod) a minute."),
      })
      .exactOptional()
      .describe("As in HorizontalPodAutoscaler v2."),
  })
  .meta({
    typeName: "AutoscalingSpec",
    ...rules([
      "self.minReplicas <= self.maxReplicas",
      "autoscaling.minReplicas must not exceed autoscaling.maxReplicas",
    ]),
  });
