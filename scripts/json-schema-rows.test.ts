import { expect, test } from "vitest";
import { cell, fieldRows, type JsonSchema } from "./json-schema-rows.ts";

test("every field is a row: bounds, choices, lists, maps, unions, defaults, and what is required", () => {
  const schema: JsonSchema = {
    type: "object",
    required: ["mode", "parts", "either", "count"],
    properties: {
      count: { type: "integer", minimum: 1, maximum: 5, default: 3, description: "How many." },
      mode: { type: "string", enum: ["a", "b"] },
      parts: {
        type: "array",
        maxItems: 2,
        items: { type: "object", required: ["name"], properties: { name: { type: "string", maxLength: 9 } } },
      },
      tags: {
        type: "object",
        additionalProperties: { type: "object", required: ["x"], properties: { x: { type: "boolean" } } },
      },
      either: {
        default: { b: 1 },
        anyOf: [
          { type: "object", required: ["a"], properties: { a: { type: "string", const: "one" } } },
          { type: "object", properties: { b: { type: "number" } } },
        ],
      },
    },
  };
  expect(fieldRows(schema).map(({ path, type, isRequired, fallback }) => [path, type, isRequired, fallback])).toEqual([
    ["count", "integer (1…5)", false, "3"],
    ["mode", "`a`, `b`", true, ""],
    ["parts", "list of object (…2)", true, ""],
    ["parts[].name", "text (…9)", true, ""],
    ["tags", "map of object", false, ""],
    ["tags.*.x", "boolean", true, ""],
    ["either", "object", false, ""],
    ["either.a", "`one`", true, ""],
    ["either.b", "number", false, ""],
  ]);
});

test("a cell stays one cell", () => {
  expect(cell("a|b\nc")).toBe(String.raw`a\|b c`);
});
