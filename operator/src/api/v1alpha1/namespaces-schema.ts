/** Schema of channel namespaces. What it cannot check (does a JSON Schema compile?) a gateway checks, and the status tells. */
import { SAFE_HTML_TAGS } from "@belay/protocol/control";
import { z } from "zod";
import { rules } from "../fields.ts";
import type { NamespaceSpec, UnprefixedSpec } from "./gen/types.ts";

const MAX_NAMESPACES = 200;

const subscribers = z.enum(["none", "anonymous", "authenticated", "token"]);
const permissions = z.enum(["none", "anonymous", "authenticated", "subscriber", "token"]);
const meaning =
  "`none` no client, `anonymous` everybody connected, `authenticated` clients with a user, `subscriber` who is subscribed, `token` whose token names the channel.";

type Defaults = { readonly subscribe: z.infer<typeof subscribers>; readonly publish: z.infer<typeof permissions> };

function allow({ subscribe, publish }: Defaults): z.ZodType<NamespaceSpec["allow"]> {
  const schema = z
    .strictObject({
      subscribe: subscribers.default(subscribe).describe("Who may subscribe."),
      publish: permissions.default(publish).describe("Who may publish."),
      history: permissions.default("subscriber").describe("Who may read the history."),
      presence: permissions.default("subscriber").describe("Who may read the presence."),
    })
    .meta({ typeName: "AllowSpec" });
  return schema.default(schema.parse({})).describe(`Permissions: ${meaning}`);
}

const history = z
  .strictObject({
    size: z.int32().min(1).max(100_000).describe("Publications kept."),
    ttlSeconds: z
      .int32()
      .min(1)
      .max(315_360_000)
      .describe("How long the history outlives the channel's last publication."),
  })
  .meta({ typeName: "HistorySpec" });

const recovery = z
  .strictObject({
    mode: z
      .enum(["stream", "cache"])
      .default("stream")
      .describe("What a client that comes back gets: everything it missed, or the latest publication."),
    force: z.boolean().default(false).describe("Every subscription is recoverable, whether the client asks or not."),
  })
  .meta({ typeName: "RecoverySpec" });

const sanitize = z
  .strictObject({
    path: z
      .string()
      .max(256)
      .regex(/^(\/[^/]*)+$/)
      .describe("JSON pointer to a string with HTML, such as /text; `*` stands for every item, as in /blocks/*/html."),
    allowedTags: z
      .array(z.enum(SAFE_HTML_TAGS))
      .max(64)
      .exactOptional()
      .describe("Tags that stay. Absent: b, i, em, strong, code, pre, p, br, ul, ol, li, blockquote, a."),
  })
  .meta({ typeName: "SanitizeSpec" });

const payload = z
  .strictObject({
    format: z
      .enum(["json", "binary"])
      .default("json")
      .describe("`binary` takes any bytes, and JSON clients cannot subscribe."),
    maxBytes: z
      .int32()
      .min(1)
      .max(67_108_864)
      .exactOptional()
      .describe("Largest payload. Absent: what the limit of a message lets through."),
    schema: z
      .looseObject({})
      .exactOptional()
      .describe("JSON Schema (draft 2020-12) that every payload must fit. Patterns are RE2 expressions."),
    sanitize: z
      .array(sanitize)
      .max(32)
      .exactOptional()
      .describe("Strings from which everything is taken that a browser would run."),
  })
  .meta({
    typeName: "PayloadSpec",
    ...rules([
      "self.format == 'json' || (!has(self.schema) && !has(self.sanitize))",
      "payload.format must be json where there is a schema or something to sanitize",
    ]),
  });

const hooks = z
  .strictObject({
    subscribe: z.boolean().default(false).describe("The subscribe hook decides who may subscribe without a token."),
    publish: z.boolean().default(false).describe("The publish hook is asked before a client's publication."),
    subRefresh: z.boolean().default(false).describe("The sub_refresh hook renews subscriptions that end."),
    rpc: z.boolean().default(true).describe("The rpc hook serves methods with the namespace's prefix."),
  })
  .meta({ typeName: "NamespaceHooksSpec" });

const option = z.enum(["Never", "OnRequest", "Always"]).default("Never");

const fields = {
  history: history.exactOptional().describe("What is kept. Absent: nothing."),
  recovery: recovery.default(recovery.parse({})).describe("How clients that come back catch up."),
  forcePositioning: z
    .boolean()
    .default(false)
    .describe("Every subscription notices gaps, whether the client asks or not."),
  ephemeral: z
    .boolean()
    .exactOptional()
    .describe(
      "Publications are for the moment only, such as typing and cursors: without a place and a history, and a slow reader gets the newest of each client. False when absent.",
    ),
  presence: z.boolean().default(false).describe("Keep who is in a channel."),
  joinLeave: option.describe("Tell subscribers who comes and goes: never, those that ask, or all."),
  delta: option.describe(
    "Send differences to subscribers that negotiated it: never, where the publisher asks, or always.",
  ),
  tagsFilter: z.boolean().default(false).describe("Subscribers may filter publications by their tags."),
  payload: payload.default(payload.parse({})).describe("What may be published."),
  inbox: z
    .boolean()
    .exactOptional()
    .describe(
      "What is published goes into the inbox of each user that the channel lists behind #, and who subscribes reads the own inbox. Needs spec.inbox.",
    ),
  namePatterns: z
    .array(z.string().min(1).max(256))
    .max(32)
    .exactOptional()
    .describe("RE2 expressions; a channel's name, without prefix and users, must fit one of them. Absent: any name."),
  maxSubscribers: z.int32().min(1).max(1_000_000).exactOptional().describe("Subscribers of one channel on one pod."),
  hooks: hooks.default(hooks.parse({})).describe("Which hooks of the application are asked."),
};

const historyRule = rules(
  [
    "has(self.history) || (!self.recovery.force && self.recovery.mode == 'stream')",
    "history is needed where recovery is forced or of mode cache",
  ],
  [
    "!has(self.ephemeral) || !self.ephemeral || (!has(self.history) && self.delta == 'Never' && !self.forcePositioning)",
    "ephemeral must not be set beside history, delta or forcePositioning",
  ],
  [
    "!has(self.inbox) || !self.inbox || (!has(self.history) && !self.forcePositioning && !self.presence && self.joinLeave == 'Never' && self.delta == 'Never' && !self.tagsFilter && !(has(self.ephemeral) && self.ephemeral) && self.payload.format == 'json')",
    "inbox goes with none of history, positioning, presence, joinLeave, delta, tagsFilter, ephemeral and binary payloads",
  ],
);

/** Of channels without a prefix. */
export const unprefixed: z.ZodType<UnprefixedSpec> = z
  .strictObject({ allow: allow({ subscribe: "anonymous", publish: "anonymous" }), ...fields })
  .meta({ typeName: "UnprefixedSpec", ...historyRule });

const namespace = z
  .strictObject({
    name: z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/)
      .describe("Prefix of the channels: `chat` is that of `chat:lobby`."),
    allow: allow({ subscribe: "authenticated", publish: "token" }),
    ...fields,
  })
  .meta({ typeName: "NamespaceSpec", ...historyRule });

export const namespaces: z.ZodType<readonly NamespaceSpec[]> = z
  .array(namespace)
  .max(MAX_NAMESPACES)
  .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] });
