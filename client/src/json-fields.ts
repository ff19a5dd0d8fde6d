/** Reads members of decoded JSON. Absent and null read as undefined; another type is no message of the protocol. */

/** Caught by the decoder, never seen outside. */
export class FieldProblem extends Error {
  override readonly name = "FieldProblem";
}

export type Fields = Readonly<Record<string, unknown>>;

function problem(name: string, rule: string): FieldProblem {
  return new FieldProblem(`${name} must be ${rule}`);
}

export function fieldsOf(value: unknown, name: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw problem(name, "an object");
}

export function objectOf(fields: Fields, name: string): Fields | undefined {
  const value = fields[name] ?? undefined;
  return value === undefined ? undefined : fieldsOf(value, name);
}

/** What `read` makes of an object that is there. */
export function nestedOf<T>(fields: Fields, name: string, read: (one: Fields) => T): T | undefined {
  const one = objectOf(fields, name);
  return one && read(one);
}

interface Primitives {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
}

function primitive<Type extends keyof Primitives>(
  fields: Fields,
  name: string,
  type: Type,
): Primitives[Type] | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === type) return value as Primitives[Type] | undefined;
  throw problem(name, `a ${type}`);
}

export function textOf(fields: Fields, name: string): string | undefined {
  return primitive(fields, name, "string");
}

export function numberOf(fields: Fields, name: string): number | undefined {
  return primitive(fields, name, "number");
}

export function flagOf(fields: Fields, name: string): boolean | undefined {
  return primitive(fields, name, "boolean");
}

/** An object whose members are texts. */
export function textsOf(fields: Fields, name: string): Readonly<Record<string, string>> | undefined {
  const texts = objectOf(fields, name) ?? {};
  for (const key of Object.keys(texts)) textOf(texts, key);
  return objectOf(fields, name) as Readonly<Record<string, string>> | undefined;
}

export function listOf<T>(fields: Fields, name: string, read: (one: Fields) => T): readonly T[] | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw problem(name, "a list");
  return value.map((one: unknown) => read(fieldsOf(one, name)));
}

export function mapOf<T>(fields: Fields, name: string, read: (one: Fields) => T): ReadonlyMap<string, T> | undefined {
  const object = objectOf(fields, name);
  return object && new Map(Object.entries(object).map(([key, one]) => [key, read(fieldsOf(one, name))]));
}

type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** Members that may be undefined become members that may be absent. */
export type Given<T> = Omit<T, OptionalKeys<T>> & { [K in OptionalKeys<T>]?: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
export function given<T extends object>(draft: T): Given<T> {
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(draft)) if (value !== undefined) found[key] = value;
  return found as Given<T>;
}
