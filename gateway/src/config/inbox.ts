/** The section `inbox` of the configuration file. */
import { z } from "zod";
import type { ChannelRules } from "./channels.ts";

/** InboxConfig with every default filled in. */
export interface InboxRules {
  readonly enabled: boolean;
  readonly size: number;
  readonly ttlSeconds: number;
}

/** A year. */
const MAX_TTL_SECONDS = 31_536_000;

function integer(min: number, max: number): z.ZodNumber {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.number(rule).int(rule).min(min, rule).max(max, rule);
}

export const inbox: z.ZodType<InboxRules> = z
  .strictObject({
    enabled: z.boolean("must be true or false").default(false),
    size: integer(1, 100_000).default(1000),
    ttlSeconds: integer(1, MAX_TTL_SECONDS).default(604_800),
  })
  .prefault({});

/** Namespaces whose publications would have nowhere to go. */
export function needsInboxes({ inbox: rules, channels }: { inbox: InboxRules; channels: ChannelRules }): boolean {
  return rules.enabled || ![channels.unprefixed, ...channels.namespaces].some((namespace) => namespace.inbox);
}
