/**
 * What a payload schema may contain, so that a check takes time proportional to schema × payload at most. Recursion with
 * alternatives would be exponential in the payload's depth, and a remote reference a request to somebody.
 */

const MAX_DEPTH = 16;
/** Schemas after every reference has been replaced by what it refers to. */
const MAX_EXPANDED = 2_000;
const MAX_TEXT_CHARS = 32_768;
/** Items of a list whose items must differ: each is compared with each. */
const MAX_UNIQUE_ITEMS = 256;

const DRAFT = "https://json-schema.org/draft/2020-12/schema";
const DEFINITION = /^#\/\$defs\/([^/~%]+)$/;

const REFUSED = [
  "$id",
  "$anchor",
  "$dynamicRef",
  "$dynamicAnchor",
  "$recursiveRef",
  "$recursiveAnchor",
  "$vocabulary",
  "$async",
  "definitions",
];
const SINGLE = [
  "not",
  "if",
  "then",
  "else",
  "items",
  "contains",
  "additionalProperties",
  "propertyNames",
  "unevaluatedItems",
  "unevaluatedProperties",
  "contentSchema",
];
const LISTS = ["allOf", "anyOf", "oneOf", "prefixItems"];
const MAPS = ["properties", "patternProperties", "dependentSchemas"];

type Fields = Readonly<Record<string, unknown>>;

/** Why the schema is not taken, as "at/path must be rule"; undefined when it is fine. */
export function schemaProblem(schema: Fields): string | undefined {
  if (JSON.stringify(schema).length > MAX_TEXT_CHARS) return `must have at most ${MAX_TEXT_CHARS} characters`;
  const walk = new SchemaWalk(schema);
  walk.visit(schema, "", []);
  return walk.problem;
}

class SchemaWalk {
  problem: string | undefined;
  readonly #definitions: Fields;
  #visited = 0;

  constructor(root: Fields) {
    this.#definitions = asFields(root["$defs"]) ?? {};
  }

  /** `references`: definitions that are being expanded. */
  visit(schema: unknown, at: string, references: readonly string[]): void {
    if (this.problem !== undefined || typeof schema === "boolean") return;
    this.#visited += 1;
    const fields = asFields(schema);
    if (fields === undefined) this.problem = `${at} must be a schema`;
    else if (this.#visited > MAX_EXPANDED)
      this.problem = `must have at most ${MAX_EXPANDED} parts, references expanded`;
    else if (at.split("/").length > MAX_DEPTH) this.problem = `${at} must nest at most ${MAX_DEPTH} levels`;
    else {
      this.problem = ownProblem(fields, at);
      for (const [name, child] of children(fields)) this.visit(child, `${at}/${name}`, references);
      this.#follow(fields["$ref"], at, references);
    }
  }

  #follow(reference: unknown, at: string, references: readonly string[]): void {
    if (reference === undefined || this.problem !== undefined) return;
    const name = typeof reference === "string" ? DEFINITION.exec(reference)?.[1] : undefined;
    const isKnown = name !== undefined && Object.hasOwn(this.#definitions, name);
    if (!isKnown) this.problem = `${at}/$ref must be #/$defs/ and the name of a definition`;
    else if (references.includes(name)) this.problem = `${at}/$ref must not refer to a definition from within itself`;
    else this.visit(this.#definitions[name], at, [...references, name]);
  }
}

function children(fields: Fields): readonly (readonly [string, unknown])[] {
  return [
    ...SINGLE.filter((key) => key in fields).map((key) => [key, fields[key]] as const),
    ...LISTS.flatMap((key) => asList(fields[key]).map((each, index) => [`${key}/${index}`, each] as const)),
    ...MAPS.flatMap((key) =>
      Object.entries(asFields(fields[key]) ?? {}).map(([name, each]) => [`${key}/${name}`, each] as const),
    ),
  ];
}

function ownProblem(fields: Fields, at: string): string | undefined {
  const refused = REFUSED.find((key) => key in fields);
  if (refused !== undefined) return `${at}/${refused} must be left out`;
  if ("format" in fields) return `${at}/format must be left out: formats are not checked, use pattern`;
  if (fields["$schema"] !== undefined && fields["$schema"] !== DRAFT) return `${at}/$schema must be ${DRAFT}`;
  const { uniqueItems, maxItems } = fields as { readonly uniqueItems?: unknown; readonly maxItems?: unknown };
  const isBounded = typeof maxItems === "number" && maxItems <= MAX_UNIQUE_ITEMS;
  if (uniqueItems === true && !isBounded)
    return `${at}/uniqueItems must come with maxItems of at most ${MAX_UNIQUE_ITEMS}`;
  return undefined;
}

function asFields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
