/** Fields that several methods of the server API have, with their rules in words. */
import { channelProblem } from "@belay/protocol";
import { z } from "zod";

export const channel: z.ZodType<string> = z
  .string("must be a string")
  .superRefine((name, context) => {
    const problem = channelProblem(name);
    if (problem !== undefined)
      context.addIssue({ code: "custom", message: `must be a channel name (${problem})`, input: name });
  })
  .describe("Name of a channel.");

export const text: z.ZodType<string> = z.string("must be a string");
export const flag: z.ZodType<boolean> = z.boolean("must be true or false");

/** A whole number, with its bounds in the message. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.number(rule).int(rule).min(min, rule).max(max, rule);
}

export const user: z.ZodType<string> = text.describe("Id of a user; empty for anonymous clients.");

/** Whose connections are meant. */
export const target: {
  readonly user: z.ZodType<string>;
  readonly client: z.ZodOptional<z.ZodType<string>>;
  readonly session: z.ZodOptional<z.ZodType<string>>;
} = {
  user,
  client: text.optional().describe("Only this client of the user."),
  session: text.optional().describe("Only this session of the user."),
};

export const json: z.ZodType = z.unknown().describe("Any JSON; passed on byte for byte.");
export const base64: z.ZodType<string> = z
  .base64("must be base64")
  .describe("Bytes in base64, in place of the JSON member.");

export const position: z.ZodType<{ readonly offset: number; readonly epoch: string }> = z
  .object({ offset: integer(0).default(0), epoch: text.default("") }, "must be an object")
  .describe("A place in a channel's history.");

/** Empty result of a method that only does something. */
export const empty: z.ZodType = z.object({}).describe("Nothing.");

/** Without `null`, which some server libraries write for absent. */
export function withoutNulls(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
