import type { DrainSpec, RealtimeClusterSpec } from "../../src/api/v1alpha1/gen/types.ts";
import { specSchema } from "../../src/api/v1alpha1/schema.ts";

/** What a test changes. */
export interface SimulatedSpec {
  readonly image: string;
  readonly replicas: number;
  readonly policy: DrainSpec["policy"];
}

const defaultSpec = specSchema.parse({ drain: { deadlineSeconds: 20, ratePerSecond: 40 } });

export function specOf({ image, replicas, policy }: SimulatedSpec): RealtimeClusterSpec {
  return { ...defaultSpec, image, replicas, drain: { ...defaultSpec.drain, policy } };
}
