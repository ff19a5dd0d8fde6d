import { TRANSPORT_NAMES, type TransportName } from "@belay/protocol/control";
import { z } from "zod";
import { isOriginRule } from "../access/origin-policy.ts";

/** The section `transports` with its defaults. */
export interface TransportsSettings {
  readonly enabled: readonly TransportName[];
  readonly allowedOrigins: readonly string[];
  readonly compression: CompressionSettings;
}

interface CompressionSettings {
  readonly enabled: boolean;
  readonly level: number;
  readonly thresholdBytes: number;
}

const ORIGIN_RULE =
  "must be same-host, *, scheme://host or scheme://*.domain, with a port where it is not the usual one";
const origin = z.string(ORIGIN_RULE).refine(isOriginRule, ORIGIN_RULE);
const LEVEL_RULE = "must be an integer from 1 to 9";
const THRESHOLD_RULE = "must be an integer from 0 to 1048576";

export const transportsSchema: z.ZodType<TransportsSettings> = z.strictObject({
  enabled: z
    .array(z.enum(TRANSPORT_NAMES, `must be one of ${TRANSPORT_NAMES.join(", ")}`), "must be a list of transports")
    .default([...TRANSPORT_NAMES]),
  allowedOrigins: z
    .array(origin, "must be a list of origins")
    .max(256, "must have at most 256 origins")
    .default(["same-host"]),
  compression: z
    .strictObject({
      enabled: z.boolean("must be true or false").default(false),
      level: z.number(LEVEL_RULE).int(LEVEL_RULE).min(1, LEVEL_RULE).max(9, LEVEL_RULE).default(1),
      thresholdBytes: z
        .number(THRESHOLD_RULE)
        .int(THRESHOLD_RULE)
        .min(0, THRESHOLD_RULE)
        .max(1_048_576, THRESHOLD_RULE)
        .default(512),
    })
    .prefault({}),
});
