/** JSON Schema (draft 2020-12) of a namespace's payloads, compiled once. */
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { linearPattern } from "./linear-pattern.ts";
import { schemaProblem } from "./schema-bounds.ts";

/** What is wrong with a payload, as "/path rule"; undefined when it fits. */
export type SchemaCheck = (value: unknown) => string | undefined;

export type CompiledSchema =
  | { readonly ok: true; readonly check: SchemaCheck }
  | { readonly ok: false; readonly problem: string };

/** Longest problem that a client is told. */
const MAX_PROBLEM_CHARS = 200;

/** Compiles the schemas of one configuration; it keeps what it compiled, so the next configuration gets another one. */
export class SchemaCompiler {
  readonly #ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    // `required: ["toString"]` would be met by what every object inherits.
    ownProperties: true,
    validateFormats: false,
    logger: false,
    code: { regExp: Object.assign((source: string) => linearRegExp(source), { code: "linearRegExp" }) },
  });

  compile(schema: Readonly<Record<string, unknown>>): CompiledSchema {
    const problem = schemaProblem(schema);
    if (problem !== undefined) return { ok: false, problem };
    try {
      const validate = this.#ajv.compile(schema);
      return { ok: true, check: (value) => (validate(value) ? undefined : describe(validate.errors?.[0])) };
    } catch (error) {
      return { ok: false, problem: `must compile (${error instanceof Error ? error.message : "unknown"})` };
    }
  }
}

/** JavaScript's own engine backtracks: one payload could keep it busy for years. */
function linearRegExp(source: string): { test(text: string): boolean; toString(): string } {
  const pattern = linearPattern(source);
  if (pattern === undefined) throw new Error(`pattern ${source} is no RE2 expression, or too large`);
  // The compiler tells expressions apart by their text.
  return { test: (text) => pattern.test(text), toString: () => `/${source}/u` };
}

function describe(error: ErrorObject | undefined): string {
  const path = error?.instancePath ?? "";
  return `data${path} ${error?.message ?? "must fit the schema"}`.slice(0, MAX_PROBLEM_CHARS);
}
