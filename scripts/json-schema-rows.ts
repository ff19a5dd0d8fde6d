/** A JSON Schema as rows of a table: each field with its path, type and default. Pure. */

export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly format?: string;
  readonly additionalProperties?: JsonSchema | boolean;
}

export interface FieldRow {
  readonly path: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** JSON text; empty where there is none. */
  readonly fallback: string;
  readonly description: string;
}

/** Every field, in the order of the schema. Objects that stand in lists and maps are walked too. */
export function fieldRows(schema: JsonSchema, path = ""): readonly FieldRow[] {
  return branches(schema).flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).flatMap(([name, field]) => {
      const at = path === "" ? name : `${path}.${name}`;
      const row: FieldRow = {
        path: at,
        type: typeText(field),
        isRequired: required.includes(name) && field.default === undefined,
        fallback: fallbackText(field),
        description: field.description ?? "",
      };
      return [row, ...nested(field, at)];
    }),
  );
}

function branches(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? schema.oneOf ?? [schema];
}

function nested(field: JsonSchema, at: string): readonly FieldRow[] {
  const items = branches(field).flatMap(({ items: item }) => (item === undefined ? [] : fieldRows(item, `${at}[]`)));
  const values = branches(field).flatMap(({ additionalProperties: value }) =>
    typeof value === "object" ? fieldRows(value, `${at}.*`) : [],
  );
  return [...fieldRows(field, at), ...items, ...values];
}

/** The default of an object is that of its fields, which have rows of their own. */
function fallbackText({ default: fallback }: JsonSchema): string {
  const isObject = typeof fallback === "object" && fallback !== null && !Array.isArray(fallback);
  return fallback === undefined || isObject ? "" : JSON.stringify(fallback);
}

function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return enumText(schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return [...new Set(options.map((option) => typeText(option)))].join(" or ");
  return TYPES.get(schema.type ?? "")?.(schema) ?? schema.type ?? "any";
}

const TYPES: ReadonlyMap<string, (schema: JsonSchema) => string> = new Map([
  ["array", ({ items, minItems, maxItems }) => `list of ${typeText(items ?? {})}${range(minItems, maxItems)}`],
  ["object", ({ additionalProperties: v }) => (typeof v === "object" ? `map of ${typeText(v)}` : "object")],
  ["string", ({ format = "text", minLength, maxLength }) => `${format}${range(minLength, maxLength)}`],
  ["integer", ({ minimum, maximum }) => `integer${range(minimum, maximum)}`],
  ["number", ({ minimum, maximum }) => `number${range(minimum, maximum)}`],
] satisfies (readonly [string, (schema: JsonSchema) => string])[]);

/** A long list is told by its ends: what it is for stands in the description. */
function enumText(values: readonly unknown[]): string {
  const shown = values.length > 16 ? [...values.slice(0, 3), ...values.slice(-1)] : values;
  return shown.map((value) => code(value)).join(values.length > 16 ? " … " : ", ");
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}

function range(least?: number, most?: number): string {
  const from = least === undefined || least === Number.MIN_SAFE_INTEGER ? "" : String(least);
  const to = most === undefined || most === Number.MAX_SAFE_INTEGER ? "" : String(most);
  return from === "" && to === "" ? "" : ` (${from}…${to})`;
}

/** Text for a cell of a Markdown table. */
export function cell(text: string): string {
  return text.replaceAll("|", String.raw`\|`).replaceAll("\n", " ");
}
