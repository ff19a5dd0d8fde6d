/** The section `hooks` of the configuration file. */
import { z } from "zod";

/** HookConfig with every default filled in. */
interface HookRule {
  readonly url: string;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly maxWaiting: number;
  readonly maxResponseBytes: number;
  /** Lower case. */
  readonly headers: readonly string[];
  readonly encoding: "json" | "binary";
}

export interface HookRules {
  readonly connect?: HookRule | undefined;
  readonly refresh?: HookRule | undefined;
  readonly subscribe?: HookRule | undefined;
  readonly subRefresh?: HookRule | undefined;
  readonly publish?: HookRule | undefined;
  readonly rpc?: HookRule | undefined;
  readonly secretFile?: string | undefined;
  readonly caFile?: string | undefined;
}

const file = z.string("must be a path").min(1, "must be a path");
const urlRule = "must be an http or https URL without a user";

function isPlainUrl(text: string): boolean {
  const { username, password } = new URL(text);
  return username === "" && password === "";
}

const url = z
  .url({ protocol: /^https?$/, error: urlRule, abort: true })
  .max(2048, urlRule)
  .refine(isPlainUrl, urlRule);

function integer(min: number, max: number, fallback: number): z.ZodDefault<z.ZodNumber> {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.number(rule).int(rule).min(min, rule).max(max, rule).default(fallback);
}

/** What the request itself is made of, and what says how it travels; a client must not write any of it. */
const OWN_HEADERS =
  /^(host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|content-.*|accept|accept-encoding|proxy-.*|sec-websocket-.*|belay-.*)$/;
const headerRule = "must be the name of a header that a client may set, such as Cookie";

const header = z
  .string(headerRule)
  .max(128, headerRule)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, headerRule)
  .transform((name) => name.toLowerCase())
  .refine((name) => !OWN_HEADERS.test(name), headerRule);

const hook = z.strictObject({
  url,
  timeoutMs: integer(10, 30_000, 1000),
  concurrency: integer(1, 1000, 64),
  maxWaiting: integer(0, 100_000, 1024),
  maxResponseBytes: integer(256, 1_048_576, 65_536),
  headers: z.array(header, "must be a list").max(32, "must have at most 32 entries").default([]),
  encoding: z.enum(["json", "binary"], "must be json or binary").default("json"),
});

const schema: z.ZodType<HookRules> = z.strictObject({
  connect: hook.optional(),
  refresh: hook.optional(),
  subscribe: hook.optional(),
  subRefresh: hook.optional(),
  publish: hook.optional(),
  rpc: hook.optional(),
  secretFile: file.optional(),
  caFile: file.optional(),
});

export const hooks: z.ZodType<HookRules> = schema.prefault({});
