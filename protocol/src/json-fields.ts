/** Reads typed members of a decoded JSON object. Absent and null read as the field's empty value; another type is a refusal. */
import type { FrameRefusal } from "./messages.ts";

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member of the wrong type; caught by the decoder, never seen outside. */
export class FieldProblem extends Error {
  readonly refusal: FrameRefusal;

  constructor(field: string, rule: string) {
    super(`${field} must be ${rule}`);
    this.name = "FieldProblem";
    this.refusal = { rule: "CMD4", problem: this.message };
  }
}

export function textOf(body: Fields, field: string): string {
  const value = body[field] ?? "";
  if (typeof value !== "string") throw new FieldProblem(field, "a string");
  return value;
}

export function flagOf(body: Fields, field: string): boolean {
  const value = body[field] ?? false;
  if (typeof value !== "boolean") throw new FieldProblem(field, "true or false");
  return value;
}

/** An integer within ±2⁵³. */
export function integerOf(body: Fields, field: string, min = 0): number {
  const value = body[field] ?? 0;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min) {
    throw new FieldProblem(field, `an integer from ${min}`);
  }
  return value;
}

export function textsOf(body: Fields, field: string): readonly string[] {
  const value = body[field] ?? [];
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string")) {
    throw new FieldProblem(field, "a list of strings");
  }
  return value;
}

/** The members of an object, each checked by `read`. */
export function entriesOf<T>(body: Fields, field: string, read: (value: unknown, key: string) => T): Map<string, T> {
  const value = body[field] ?? {};
  if (!isFields(value)) throw new FieldProblem(field, "an object");
  return new Map(Object.entries(value).map(([key, one]) => [key, read(one, key)]));
}

/** Undefined where it is absent. */
export function objectOf(body: Fields, field: string): Fields | undefined {
  const value = body[field] ?? undefined;
  if (value !== undefined && !isFields(value)) throw new FieldProblem(field, "an object");
  return value;
}
