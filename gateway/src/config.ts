/** The gateway's configuration file: shape, defaults and rules. Every problem is reported at once as "key must be rule, was: value". */
import { CLIENT_PORT, CONTROL_PORT, type GatewayConfig } from "@belay/protocol/control";
import { z } from "zod";
import { type AuthConfig, authConfig } from "./config/auth.ts";
import { api, type ApiRules } from "./config/api.ts";
import { type BrokerSettings, brokerSchema } from "./config/broker.ts";
import { channels, type ChannelRules } from "./config/channels.ts";
import { hooks, type HookRules } from "./config/hooks.ts";
import { handover, type HandoverRules } from "./config/handover.ts";
import { inbox, type InboxRules, needsInboxes } from "./config/inbox.ts";
import { type Limits, limits } from "./config/limits.ts";
import { type ProxiesSettings, proxiesSchema } from "./config/proxies.ts";
import { type TlsSettings, tlsSchema } from "./config/tls.ts";
import { type TransportsSettings, transportsSchema } from "./config/transports.ts";

/** A GatewayConfig with every default filled in. */
export interface Config {
  readonly transports: TransportsSettings;
  readonly tls: TlsSettings;
  readonly proxies: ProxiesSettings;
  readonly listen: { readonly host: string; readonly port: number };
  readonly control: { readonly host: string; readonly port: number; readonly tokenFile?: string | undefined };
  readonly auth: AuthConfig;
  readonly api: ApiRules;
  readonly channels: ChannelRules;
  readonly hooks: HookRules;
  readonly inbox: InboxRules;
  readonly handover: HandoverRules;
  readonly broker: BrokerSettings;
  readonly drain: { readonly ratePerSecond: number; readonly deadlineSeconds: number };
  readonly limits: Limits;
  readonly heartbeat: { readonly pingIntervalMs: number; readonly pongTimeoutMs: number };
  readonly podLabelsFile?: string | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly string[] };

/** An integer with its bounds in the message. */
function integer(min: number, max: number, fallback: number): z.ZodDefault<z.ZodNumber> {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.number(rule).int(rule).min(min, rule).max(max, rule).default(fallback);
}

const file = z.string("must be a path").min(1, "must be a path");
const host = z.string("must be an address").min(1, "must be an address");

const fields = {
  transports: transportsSchema.prefault({}),
  tls: tlsSchema.prefault({}),
  proxies: proxiesSchema.prefault({}),
  listen: z.strictObject({ host: host.default("0.0.0.0"), port: integer(0, 65_535, CLIENT_PORT) }).prefault({}),
  control: z
    .strictObject({ host: host.default("0.0.0.0"), port: integer(0, 65_535, CONTROL_PORT), tokenFile: file.optional() })
    .prefault({}),
  auth: authConfig,
  api,
  channels,
  hooks,
  inbox,
  handover,
  broker: brokerSchema.prefault({ type: "memory" }),
  drain: z
    .strictObject({ ratePerSecond: integer(1, 100_000, 100), deadlineSeconds: integer(1, 86_400, 25) })
    .prefault({}),
  limits,
  heartbeat: z
    .strictObject({ pingIntervalMs: integer(1000, 600_000, 25_000), pongTimeoutMs: integer(100, 600_000, 8000) })
    .refine(({ pingIntervalMs, pongTimeoutMs }) => pongTimeoutMs < pingIntervalMs, {
      path: ["pongTimeoutMs"],
      error: "must be below pingIntervalMs",
    })
    .prefault({}),
  podLabelsFile: file.optional(),
  logLevel: z.enum(["debug", "info", "warn", "error"], "must be debug, info, warn or error").default("info"),
};

const configSchema: z.ZodType<Config> = z.strictObject(fields).refine(needsInboxes, {
  path: ["inbox", "enabled"],
  error: "must be true where a namespace has inbox",
});

/** The shape of the file as JSON Schema 2020-12, for the reference. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" });
}

/** Parses the text of a configuration file. */
export function parseConfig(text: string): ParsedConfig {
  try {
    return checkConfig(JSON.parse(text) as GatewayConfig);
  } catch (error) {
    return {
      ok: false,
      problems: [`file must be JSON, was: ${error instanceof Error ? error.message : "unreadable"}`],
    };
  }
}

/** Fills in defaults and checks every rule. */
export function checkConfig(input: GatewayConfig): ParsedConfig {
  const parsed = configSchema.safeParse(input, { reportInput: true });
  if (parsed.success) return { ok: true, config: parsed.data };
  return { ok: false, problems: parsed.error.issues.flatMap((issue) => describe(issue)) };
}

function describe(issue: z.core.$ZodIssue): readonly string[] {
  const key = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((name) => `${key === "" ? "" : `${key}.`}${name} must be a known key`);
  }
  const rule = issue.message.startsWith("must ") ? issue.message : `must be valid (${issue.message})`;
  return [`${key === "" ? "file" : key} ${rule}, was: ${printed(issue.input)}`];
}

function printed(value: unknown): string {
  const text = value === undefined ? "absent" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
