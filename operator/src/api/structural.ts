/* oxlint-disable eslint/no-underscore-dangle -- zod documents _zod as its door for introspection */
/**
 * zod → the structural OpenAPI schema of a CRD. It throws on whatever a CRD cannot say: zod's own output would drop it in silence,
 * and an API server would then accept what the operator refuses.
 */
import { z } from "zod";
import { CEL_RULES } from "./fields.ts";

export interface Schema {
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  pattern?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  /** Name of the generated interface; never part of a CRD. */
  typeName?: string;
  [other: string]: unknown;
}

const PRESERVE = "x-kubernetes-preserve-unknown-fields";
const INT_OR_STRING = "x-kubernetes-int-or-string";

/** Words that the API server refuses, or that would change the meaning. */
const FORBIDDEN = [
  "allOf",
  "$ref",
  "$defs",
  "definitions",
  "not",
  "if",
  "patternProperties",
  "propertyNames",
  "uniqueItems",
  "nullable",
];

/** In YAML as Kubernetes reads it. */
const YAML_BOOLEAN = /^(y|n|yes|no|on|off|true|false)$/i;

/** Formats that the API server knows; it ignores others, so they are not written. */
const FORMATS = new Set(["int32", "int64", "double", "date-time", "byte"]);

/** toJSONSchema drops refinements without a word. */
function needsRule(schema: z.core.$ZodTypes): boolean {
  const { def } = schema._zod;
  const custom = def.checks?.some((check) => check._zod.def.check === "custom") ?? false;
  return custom || (def.type === "record" && def.keyType._zod.def.checks !== undefined);
}

/** The schema as zod says it, with `typeName` and CEL rules still in it; input for {@link toStructural} and for the type generator. */
export function toJsonSchema(schema: z.ZodType): Schema {
  const offenders = new Map<unknown, string>();
  const parents = new Set<unknown>();
  const json = z.toJSONSchema(schema, {
    target: "openapi-3.0",
    io: "input",
    reused: "inline",
    cycles: "throw",
    unrepresentable: "throw",
    override: ({ zodSchema, jsonSchema, path }) => {
      // .meta() clones: a schema that only is the parent of one with a rule is no offender.
      parents.add(zodSchema._zod.parent);
      if (needsRule(zodSchema) && !(CEL_RULES in jsonSchema)) offenders.set(zodSchema, path.join("."));
    },
  });
  for (const [offender, path] of offenders) {
    if (!parents.has(offender)) throw new Error(`${path}: needs .meta({ "${CEL_RULES}": [...] })`);
  }
  return json as Schema;
}

/** `author`: who writes such objects. A person writes YAML, where some words are booleans; the operator writes JSON. */
export function toStructural(schema: z.ZodType, author: "person" | "operator"): Schema {
  const made = structural(toJsonSchema(schema), "$");
  if (author === "person") refuseBooleanWords(made, "$");
  return made;
}

function structural(input: Schema, at: string): Schema {
  const schema = { ...input };
  delete schema["$schema"];
  delete schema.typeName;
  if (schema.anyOf ?? schema.oneOf) return union(schema, at);
  const bad = FORBIDDEN.find((key) => key in schema);
  if (bad !== undefined) throw new Error(`${at}: ${bad} cannot be said in a CRD`);
  if (schema.type === undefined) throw new Error(`${at}: without a type`);
  requireBounds(schema, at);
  if (schema.type === "integer") boundInteger(schema);
  if (schema.format !== undefined && !FORMATS.has(schema.format)) delete schema.format;
  if (schema.type === "object") structuralObject(schema, at);
  if (schema.items) schema.items = structural(schema.items, `${at}[]`);
  return schema;
}

/** Without bounds the API server estimates the cost of a CEL rule by the largest request, and refuses the CRD. */
function requireBounds(schema: Schema, at: string): void {
  if (schema.type === "string" && schema.maxLength === undefined && schema.enum === undefined) {
    throw new Error(`${at}: a string needs max()`);
  }
  if (schema.type === "array" && schema["maxItems"] === undefined) throw new Error(`${at}: an array needs max()`);
}

/** Whoever writes one of them without quotes gets a boolean, and so does a default in a CRD. */
function refuseBooleanWords(
  { enum: words = [], properties = {}, items, additionalProperties }: Schema,
  at: string,
): void {
  const word = words.find((value) => typeof value === "string" && YAML_BOOLEAN.test(value));
  if (word !== undefined) throw new Error(`${at}: YAML takes ${JSON.stringify(word)} for a boolean`);
  for (const [name, each] of Object.entries(properties)) refuseBooleanWords(each, `${at}.${name}`);
  if (items) refuseBooleanWords(items, `${at}[]`);
  if (typeof additionalProperties === "object") refuseBooleanWords(additionalProperties, `${at}.*`);
}

function boundInteger(schema: Schema): void {
  const isInt32 = (schema.maximum ?? Infinity) <= 0x7fffffff && (schema.minimum ?? -Infinity) >= -0x80000000;
  schema.format = isInt32 ? "int32" : "int64";
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

function structuralObject(schema: Schema, at: string): void {
  const { additionalProperties: extra } = schema;
  const isOpen = extra === true || (typeof extra === "object" && Object.keys(extra).length === 0);
  if (extra === false || isOpen) delete schema.additionalProperties;
  if (isOpen) schema[PRESERVE] = true;
  else if (typeof extra === "object") {
    if (schema["maxProperties"] === undefined) throw new Error(`${at}: a record needs maxProperties`);
    schema.additionalProperties = structural(extra, `${at}.*`);
  }
  const properties = Object.entries(schema.properties ?? {});
  delete schema.properties;
  if (properties.length > 0) {
    schema.properties = Object.fromEntries(properties.map(([name, each]) => [name, structural(each, `${at}.${name}`)]));
  }
}

function union(schema: Schema, at: string): Schema {
  const { anyOf, oneOf, ...rest } = schema;
  const options = anyOf ?? oneOf ?? [];
  const text = options.find(({ type }) => type === "string");
  if (options.length === 2 && text && options.some(({ type }) => type === "integer")) {
    const pattern = text.pattern === undefined ? {} : { pattern: text.pattern };
    return { ...rest, anyOf: [{ type: "integer" }, { type: "string" }], ...pattern, [INT_OR_STRING]: true };
  }
  if (options.every(({ type }) => type === "object")) return discriminated(rest, options, at);
  throw new Error(`${at}: a union of ${options.map(({ type }) => type).join(" | ")} cannot be said in a CRD`);
}

interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** One object with every variant's properties; CEL says which belong to which value of the discriminator. What all have needs none. */
function discriminated(rest: Schema, options: readonly Schema[], at: string): Schema {
  const key = discriminator(options, at);
  const properties: Record<string, Schema> = {};
  const celRules: CelRule[] = [];
  const values = options.map((each) => each.properties?.[key]?.enum?.[0]);
  for (const [index, option] of options.entries()) {
    for (const [name, each] of Object.entries(option.properties ?? {})) {
      if (name === key) continue;
      const isShared = options.every((other) => isAlike(other.properties?.[name], each));
      if (name in properties && !isShared) throw new Error(`${at}.${name}: differs in two variants`);
      if ("default" in each) throw new Error(`${at}.${name}: a default would appear in every variant`);
      properties[name] = structural(each, `${at}.${name}`);
      const isRequired = option.required?.includes(name) === true;
      celRules.push(...variantRules(name, { key, value: String(values[index]), isShared, isRequired }));
    }
  }
  const own = (rest[CEL_RULES] as CelRule[] | undefined) ?? [];
  return {
    ...rest,
    type: "object",
    required: [key],
    properties: { [key]: { type: "string", enum: values, description: "Which kind." }, ...properties },
    [CEL_RULES]: [...celRules, ...own],
  };
}

interface Variant {
  readonly key: string;
  readonly value: string;
  readonly isShared: boolean;
  readonly isRequired: boolean;
}

/** Of one property of one variant. */
function variantRules(name: string, { key, value, isShared, isRequired }: Variant): readonly CelRule[] {
  const belongs = { rule: `!has(self.${name}) || self.${key} == '${value}'`, message: `${name} needs ${key} ${value}` };
  const needs = { rule: `self.${key} != '${value}' || has(self.${name})`, message: `${key} ${value} needs ${name}` };
  return [...(isShared ? [] : [belongs]), ...(isRequired ? [needs] : [])];
}

/** Both come from zod, which writes the same in the same order. */
function isAlike(one: Schema | undefined, other: Schema): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function discriminator(options: readonly Schema[], at: string): string {
  const names = Object.keys(options[0]?.properties ?? {});
  const key = names.find((name) => options.every((each) => each.properties?.[name]?.enum?.length === 1));
  if (key === undefined) throw new Error(`${at}: a union without a discriminator`);
  return key;
}
