/** The check of a namespace's payloads: form, size, schema, markup. What is fine goes through byte for byte. */
import { isUtf8 } from "node:buffer";
import { isDeeperThan, MAX_NESTING } from "@belay/protocol";
import type { NamespaceRules } from "../config/channels.ts";
import { countMembers, jsonShape } from "./json-shape.ts";
import type { PayloadVerdict } from "./namespace.ts";
import type { SchemaCheck, SchemaCompiler } from "./payload-schema.ts";
import { compileSanitizer, type Sanitizer } from "./sanitizer.ts";

export type PayloadCheck = (data: Buffer) => PayloadVerdict;

export type CompiledPayloadCheck =
  | { readonly ok: true; readonly check: PayloadCheck }
  /** Begins with the key below `payload` that it is about. */
  | { readonly ok: false; readonly problem: string };

interface Rules {
  readonly schema: SchemaCheck | undefined;
  readonly sanitize: Sanitizer | undefined;
}

export function compilePayloadCheck(
  { format, maxBytes = Infinity, schema, sanitize }: NamespaceRules["payload"],
  schemas: SchemaCompiler,
): CompiledPayloadCheck {
  if (format === "binary") return { ok: true, check: (data) => refuseLarge(data, maxBytes) ?? { ok: true, data } };
  const compiled = schema === undefined ? undefined : schemas.compile(schema);
  if (compiled?.ok === false) return { ok: false, problem: `schema ${compiled.problem}` };
  const rules: Rules = {
    schema: compiled?.check,
    sanitize: sanitize.length === 0 ? undefined : compileSanitizer(sanitize),
  };
  return { ok: true, check: (data) => refuseLarge(data, maxBytes) ?? checkJson(data, rules) };
}

function refuseLarge(data: Buffer, maxBytes: number): PayloadVerdict | undefined {
  return data.length > maxBytes ? refused(`data must have at most ${maxBytes} bytes`) : undefined;
}

function refused(problem: string): PayloadVerdict {
  return { ok: false, problem };
}

function checkJson(data: Buffer, { schema, sanitize }: Rules): PayloadVerdict {
  const parsed = parse(data);
  if (parsed === undefined) return refused("data must be JSON");
  const { value, text } = parsed;
  // Readers' parsers recurse.
  if (isDeeperThan(text, MAX_NESTING)) return refused(`data must nest at most ${MAX_NESTING} levels`);
  if (schema !== undefined || sanitize !== undefined) {
    const problem = shapeProblem(value, text) ?? schema?.(value);
    if (problem !== undefined) return refused(problem);
  }
  if (sanitize?.(value).isChanged === true) return { ok: true, data: rewritten(text, sanitize) };
  return { ok: true, data: withoutLineBreaks(data) };
}

interface ParsedJson {
  readonly value: unknown;
  readonly text: string;
}

function parse(data: Buffer): ParsedJson | undefined {
  if (!isUtf8(data)) return undefined;
  const text = data.toString("utf8");
  try {
    return { value: JSON.parse(text) as unknown, text };
  } catch {
    // The parser's words are about positions; the sender knows its payload.
    return undefined;
  }
}

/** Parsers disagree about a member that is there twice: a reader could see another one than was checked. */
function shapeProblem(value: unknown, text: string): string | undefined {
  const { members } = jsonShape(text);
  return countMembers(value) === members ? undefined : "data must name no member twice";
}

/** Numbers keep the digits they were sent with. */
function rewritten(text: string, sanitize: Sanitizer): Buffer {
  const value: unknown = JSON.parse(text, (_key, each: unknown, context?: { readonly source?: string }) =>
    typeof each === "number" && context?.source !== undefined ? rawJson(context.source) : each,
  );
  return Buffer.from(JSON.stringify(sanitize(value).value));
}

/** In V8, not yet in the compiler's library. */
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

const LINE_BREAKS = [0x0a, 0x0d];

/** They separate commands on the wire; within JSON they stand between tokens only. */
function withoutLineBreaks(data: Buffer): Buffer {
  if (!LINE_BREAKS.some((each) => data.includes(each))) return data;
  return Buffer.from(data.filter((byte) => !LINE_BREAKS.includes(byte)));
}
