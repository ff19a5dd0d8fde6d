/** The configuration's namespaces, made ready: patterns and schemas compiled, defaults in place. */
import { setImmediate as turn } from "node:timers/promises";
import type { ChannelRules, NamespaceRules } from "../config/channels.ts";
import { linearPattern, type LinearPattern } from "./linear-pattern.ts";
import type { ChannelTable, Namespace } from "./namespace.ts";
import { NamespaceTable, type TableEntry } from "./namespace-table.ts";
import { compilePayloadCheck, type PayloadCheck } from "./payload-check.ts";
import { SchemaCompiler } from "./payload-schema.ts";

export type CompiledChannels =
  | { readonly ok: true; readonly table: ChannelTable }
  /** "key must be rule, was: value", all at once. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Never rejects. Other work gets a turn between two namespaces: a compilation takes milliseconds. */
export async function compileNamespaces({ unprefixed, namespaces }: ChannelRules): Promise<CompiledChannels> {
  const problems: string[] = [];
  const entries: TableEntry[] = [];
  const schemas = new SchemaCompiler();
  const named = namespaces.map((rules, index) => ({ rules, key: `channels.namespaces.${index}`, name: rules.name }));
  for (const { rules, key, name } of [{ rules: unprefixed, key: "channels.unprefixed", name: "" }, ...named]) {
    const compiled = compileOne(name, rules, schemas);
    if (compiled.ok) entries.push(compiled.entry);
    else problems.push(...compiled.problems.map((problem) => `${key}.${problem}`));
    await turn();
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, table: new NamespaceTable(entries) };
}

type CompiledNamespace =
  | { readonly ok: true; readonly entry: TableEntry }
  | { readonly ok: false; readonly problems: readonly string[] };

function compileOne(name: string, rules: NamespaceRules, schemas: SchemaCompiler): CompiledNamespace {
  const payload = compilePayloadCheck(rules.payload, schemas);
  const patterns = rules.namePatterns.map((source) => ({ source, pattern: linearPattern(source) }));
  const problems = [
    ...patterns.flatMap(({ source, pattern }, index) =>
      pattern === undefined
        ? [`namePatterns.${index} must be an RE2 expression that is not too large, was: ${source}`]
        : [],
    ),
    ...(payload.ok ? [] : [`payload.${payload.problem}`]),
  ];
  if (!payload.ok || problems.length > 0) return { ok: false, problems };
  const namePatterns = patterns
    .map(({ pattern }) => pattern)
    .filter((each): each is LinearPattern => each !== undefined);
  const namespace = toNamespace(name, rules, payload.check);
  return { ok: true, entry: { namespace, namePatterns, hasRpcHook: rules.hooks.rpc } };
}

function toNamespace(name: string, rules: NamespaceRules, checkPayload: PayloadCheck): Namespace {
  const { allow, history, recovery, payload, maxSubscribers } = rules;
  const { subscribe, publish, subRefresh } = rules.hooks;
  return {
    name,
    allow,
    ...(history !== undefined && { history: { size: history.size, ttlMs: history.ttlSeconds * 1000 } }),
    forceRecovery: recovery.force,
    forcePositioning: rules.forcePositioning,
    recoveryMode: recovery.mode,
    ephemeral: rules.ephemeral,
    presence: rules.presence,
    joinLeave: rules.joinLeave !== "Never",
    forceJoinLeave: rules.joinLeave === "Always",
    delta: rules.delta !== "Never",
    publishDelta: rules.delta === "Always",
    tagsFilter: rules.tagsFilter,
    inbox: rules.inbox,
    payload: payload.format,
    maxPayloadBytes: payload.maxBytes ?? Infinity,
    ...(maxSubscribers !== undefined && { maxSubscribers }),
    hooks: { subscribe, publish, subRefresh },
    checkPayload,
  };
}
