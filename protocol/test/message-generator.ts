import { readFile } from "node:fs/promises";
import type { SeededChance } from "@belay/testkit";
import protobuf from "protobufjs";
import type { FilterNode } from "../src/index.ts";

/** What client.proto says, read by a library that has nothing to do with the codec. */
const { root } = protobuf.parse(await readFile(new URL("../client.proto", import.meta.url), "utf8"), {
  keepCase: true,
});
export const CommandType: protobuf.Type = root.lookupType("belay.client.Command");
export const EmulationType: protobuf.Type = root.lookupType("belay.client.EmulationRequest");

/** JSON text of payloads, in its spellings. */
const PAYLOADS = [
  "{}",
  "null",
  '{"a":[1,2,{"b":"c"}]}',
  '"\\u0000\\n\\"é😀"',
  "-1.50e+400",
  "123456789012345678901234567890",
  '{ "data" : 1 , "data" : 2 }',
  '{\n\t"a"\r\n: true}',
  `${"[".repeat(60)}${"]".repeat(60)}`,
  '"</script>"',
];

const TEXTS = [
  "",
  "a",
  "chat:room",
  "news",
  "é😀",
  "\u0000",
  "and",
  "or",
  "not",
  "eq",
  "in",
  "gt",
  "nin",
  "10",
  "-0.5",
  "constructor",
  "__proto__",
  "x".repeat(60),
];
const NUMBERS = [0, 1, 2, 3, 127, 128, 255, 300, 65_535, 65_536, 2 ** 31 - 1];
const MAX_DEPTH = 4;

/** A payload's text, which a form writes in its own way. */
export class PayloadText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A message of a type of the contract: every field may be there, with a value of its own type. */
function someMessage(type: protobuf.Type, chance: SeededChance, depth = 0): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    if (chance.below(2) === 0) message[field.name] = someValue(field, chance, depth);
  }
  return message;
}

/** A command with one method, as a well-behaved client sends it. */
export function someCommand(chance: SeededChance): Record<string, unknown> {
  if (chance.below(20) === 0) return {};
  const method = chance.pick(CommandType.fieldsArray.filter(({ name }) => name !== "id")).resolve();
  const body = method.resolvedType as protobuf.Type;
  return { id: 1 + chance.below(1000), [method.name]: someMessage(body, chance) };
}

function someValue(field: protobuf.Field, chance: SeededChance, depth: number): unknown {
  if (field instanceof protobuf.MapField) {
    const keys = Array.from({ length: chance.below(4) }, () => chance.pick(TEXTS));
    return Object.fromEntries(keys.map((key) => [key, one(field, chance, depth)]));
  }
  if (!field.repeated) return one(field, chance, depth);
  return Array.from({ length: chance.below(4) }, () => one(field, chance, depth));
}

function one(field: protobuf.Field, chance: SeededChance, depth: number): unknown {
  const { resolvedType } = field.resolve();
  if (resolvedType instanceof protobuf.Type) {
    return depth > MAX_DEPTH ? {} : someMessage(resolvedType, chance, depth + 1);
  }
  if (field.type === "string") return chance.pick(TEXTS);
  if (field.type === "bool") return chance.below(2) === 1;
  if (field.type === "bytes") return new PayloadText(chance.pick(PAYLOADS));
  return chance.pick(NUMBERS);
}

/** In Protobuf, with its length before it. */
export function protobufOf(command: Record<string, unknown>): Uint8Array {
  return CommandType.encodeDelimited(CommandType.create(withBytes(command) as object)).finish();
}

function withBytes(value: unknown): unknown {
  if (value instanceof PayloadText) return new TextEncoder().encode(value.text);
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withBytes(each)]));
}

/** In JSON; payloads stand in it as they are. */
export function jsonOf(value: unknown): string {
  if (value instanceof PayloadText) return value.text.replaceAll(/[\r\n]/g, " ");
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, each]) => `${JSON.stringify(key)}:${jsonOf(each)}`)
    .join(",")}}`;
}

const COMPARISONS = [
  "eq",
  "neq",
  "in",
  "nin",
  "ex",
  "nex",
  "sw",
  "ew",
  "ct",
  "lt",
  "lte",
  "gt",
  "gte",
  "",
  "like",
  "__proto__",
];
const OPERATIONS = ["", "", "and", "or", "not", "xor", "constructor"];

/** A filter that may be well-formed, deep, wide, or none of it. */
export function someFilter(chance: SeededChance, depth = 0): FilterNode {
  const op = depth > 80 ? "" : chance.pick(OPERATIONS);
  const width = chance.below(200) === 0 ? 300 : op === "not" ? 1 : chance.below(3);
  return {
    op,
    key: chance.pick(TEXTS),
    cmp: chance.pick(COMPARISONS),
    val: chance.pick(TEXTS),
    vals: Array.from({ length: chance.below(3) }, () => chance.pick(TEXTS)),
    nodes: op === "" ? [] : Array.from({ length: width }, () => someFilter(chance, depth + (width > 2 ? 80 : 1))),
  };
}
