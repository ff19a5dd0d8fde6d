/** The section `handover` of the configuration file. */
import { z } from "zod";

/** HandoverConfig with every default filled in. */
export interface HandoverRules {
  readonly resumeSeconds: number;
}

/** Longer, and what is kept is of users who are gone. */
const MAX_RESUME_SECONDS = 60;
const RULE = `must be an integer from 0 to ${MAX_RESUME_SECONDS}`;

export const handover: z.ZodType<HandoverRules> = z
  .strictObject({ resumeSeconds: z.number(RULE).int(RULE).min(0, RULE).max(MAX_RESUME_SECONDS, RULE).default(5) })
  .prefault({});
