/** The section `channels` of the configuration file. */
import { type ChannelsConfig, type PermissionName, SAFE_HTML_TAGS, type SafeHtmlTag } from "@belay/protocol/control";
import { z } from "zod";

/** NamespaceOptions with every default filled in. */
export interface NamespaceRules {
  readonly allow: {
    readonly subscribe: Exclude<PermissionName, "subscriber">;
    readonly publish: PermissionName;
    readonly history: PermissionName;
    readonly presence: PermissionName;
  };
  readonly history?: { readonly size: number; readonly ttlSeconds: number } | undefined;
  readonly recovery: { readonly mode: "stream" | "cache"; readonly force: boolean };
  readonly forcePositioning: boolean;
  readonly ephemeral: boolean;
  readonly presence: boolean;
  readonly joinLeave: "Never" | "OnRequest" | "Always";
  readonly delta: "Never" | "OnRequest" | "Always";
  readonly tagsFilter: boolean;
  readonly payload: {
    readonly format: "json" | "binary";
    readonly maxBytes?: number | undefined;
    readonly schema?: Readonly<Record<string, unknown>> | undefined;
    readonly sanitize: readonly {
      readonly path: string;
      readonly allowedTags?: readonly SafeHtmlTag[] | undefined;
    }[];
  };
  readonly inbox: boolean;
  readonly namePatterns: readonly string[];
  readonly maxSubscribers?: number | undefined;
  readonly hooks: {
    readonly subscribe: boolean;
    readonly publish: boolean;
    readonly subRefresh: boolean;
    readonly rpc: boolean;
  };
}

export interface ChannelRules {
  readonly unprefixed: NamespaceRules;
  readonly namespaces: readonly (NamespaceRules & { readonly name: string })[];
}

const MAX_NAMESPACES = 256;
/** Anything larger could not come through a frame. */
const MAX_PAYLOAD_BYTES = 67_108_864;
/** Ten years. */
const MAX_TTL_SECONDS = 315_360_000;

const flag = (fallback: boolean): z.ZodDefault<z.ZodBoolean> => z.boolean("must be true or false").default(fallback);

function integer(min: number, max: number): z.ZodNumber {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.number(rule).int(rule).min(min, rule).max(max, rule);
}

function oneOf<const T extends readonly string[]>(values: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(values, `must be ${values.slice(0, -1).join(", ")} or ${values.at(-1) ?? ""}`);
}

const permission = oneOf(["none", "anonymous", "authenticated", "subscriber", "token"]);
const subscribePermission = oneOf(["none", "anonymous", "authenticated", "token"]);
const option = oneOf(["Never", "OnRequest", "Always"]).default("Never");

function list<T extends z.ZodType>(item: T, max: number): z.ZodArray<T> {
  const rule = `must be a list of at most ${max}`;
  return z.array(item, rule).max(max, rule);
}

function text(max: number): z.ZodString {
  const rule = `must be text of 1 to ${max} characters`;
  return z.string(rule).min(1, rule).max(max, rule);
}

const pointer = text(256).regex(/^(\/[^/]*)+$/, "must be a JSON pointer such as /text or /blocks/*/html");

const payload = z
  .strictObject({
    format: oneOf(["json", "binary"]).default("json"),
    maxBytes: integer(1, MAX_PAYLOAD_BYTES).optional(),
    schema: z.record(z.string(), z.unknown(), "must be a JSON Schema").optional(),
    sanitize: list(
      z.strictObject({ path: pointer, allowedTags: list(oneOf(SAFE_HTML_TAGS), 64).optional() }),
      32,
    ).default([]),
  })
  .refine(({ format, schema, sanitize }) => format === "json" || (schema === undefined && sanitize.length === 0), {
    path: ["format"],
    error: "must be json where there is a schema or something to sanitize",
  });

type Allow = NamespaceRules["allow"];

function allow(fallback: Pick<Allow, "subscribe" | "publish">): z.ZodType<Allow> {
  return z.strictObject({
    subscribe: subscribePermission.default(fallback.subscribe),
    publish: permission.default(fallback.publish),
    history: permission.default("subscriber"),
    presence: permission.default("subscriber"),
  });
}

const history = z.strictObject({ size: integer(1, 100_000), ttlSeconds: integer(1, MAX_TTL_SECONDS) });
const hooks = z.strictObject({
  subscribe: flag(false),
  publish: flag(false),
  subRefresh: flag(false),
  rpc: flag(true),
});

/** Without the rules that look at two fields at once: an object with them could not be extended. */
const fields = {
  history: history.optional(),
  recovery: z.strictObject({ mode: oneOf(["stream", "cache"]).default("stream"), force: flag(false) }).prefault({}),
  forcePositioning: flag(false),
  ephemeral: flag(false),
  presence: flag(false),
  joinLeave: option,
  delta: option,
  tagsFilter: flag(false),
  payload: payload.prefault({}),
  inbox: flag(false),
  namePatterns: list(text(256), 32).default([]),
  maxSubscribers: integer(1, 1_000_000).optional(),
  hooks: hooks.prefault({}),
};

function needsHistory({ history: kept, recovery }: NamespaceRules): boolean {
  return kept !== undefined || (!recovery.force && recovery.mode === "stream");
}
const historyRule = { path: ["history"], error: "must be set where recovery is forced or of mode cache" };

function keepsNothing({ ephemeral, history: kept, delta, forcePositioning }: NamespaceRules): boolean {
  return !ephemeral || (kept === undefined && delta === "Never" && !forcePositioning);
}
const ephemeralRule = {
  path: ["ephemeral"],
  error: "must not be set beside history, delta or forcePositioning",
};

/** An inbox keeps and orders by itself, and never to more than one user. */
function isPlainInbox(rules: NamespaceRules): boolean {
  const { recovery, joinLeave, delta, payload: format } = rules;
  const { ephemeral, presence, tagsFilter, forcePositioning } = rules;
  return !(
    rules.inbox &&
    [
      rules.history !== undefined,
      recovery.force,
      recovery.mode === "cache",
      [ephemeral, presence, tagsFilter, forcePositioning].includes(true),
      joinLeave !== "Never",
      delta !== "Never",
      format.format === "binary",
    ].includes(true)
  );
}
const inboxRule = {
  path: ["inbox"],
  error:
    "must be false beside history, recovery, positioning, presence, joinLeave, delta, tagsFilter, ephemeral or binary payloads",
};

const unprefixed: z.ZodType<NamespaceRules> = z
  .strictObject({ allow: allow({ subscribe: "anonymous", publish: "anonymous" }).prefault({} as Allow), ...fields })
  .refine(needsHistory, historyRule)
  .refine(keepsNothing, ephemeralRule)
  .refine(isPlainInbox, inboxRule);

const nameRule = "must be 1 to 64 letters, digits, _, . or -, beginning with a letter or digit";
const namespace: z.ZodType<ChannelRules["namespaces"][number]> = z
  .strictObject({
    name: z.string(nameRule).regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, nameRule),
    allow: allow({ subscribe: "authenticated", publish: "token" }).prefault({} as Allow),
    ...fields,
  })
  .refine(needsHistory, historyRule)
  .refine(keepsNothing, ephemeralRule)
  .refine(isPlainInbox, inboxRule);

const schema: z.ZodType<ChannelRules> = z
  .strictObject({
    unprefixed: unprefixed.prefault({} as NamespaceRules),
    namespaces: list(namespace, MAX_NAMESPACES).default([]),
  })
  .refine(({ namespaces }) => new Set(namespaces.map(({ name }) => name)).size === namespaces.length, {
    path: ["namespaces"],
    error: "must have different names",
  });

export const channels: z.ZodType<ChannelRules> = schema.prefault({} as ChannelRules & ChannelsConfig);
