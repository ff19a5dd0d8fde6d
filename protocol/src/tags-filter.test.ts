import { expect, test } from "vitest";
import type { FilterNode } from "./messages.ts";
import { compileTagsFilter, type Tags } from "./tags-filter.ts";

function node(fields: Partial<FilterNode>): FilterNode {
  return { op: "", key: "", cmp: "", val: "", vals: [], nodes: [], ...fields };
}

function compare(cmp: string, val: string | readonly string[]): FilterNode {
  return node({ key: "k", cmp, ...(typeof val === "string" ? { val } : { vals: val }) });
}

function fits(filter: FilterNode, tags: Tags): boolean {
  const compiled = compileTagsFilter(filter);
  if (!compiled.ok) throw new Error(compiled.problem);
  return compiled.accepts(tags);
}

test.each([
  ["eq", "a", ["a"], ["b", "", undefined]],
  ["neq", "a", ["b", undefined], ["a"]],
  ["in", ["a", "b"], ["a", "b"], ["c", undefined]],
  ["nin", ["a", ""], ["c", undefined], ["a", ""]],
  ["ex", "", ["", "a"], [undefined]],
  ["nex", "", [undefined], ["", "a"]],
  ["sw", "ab", ["ab", "abc"], ["cab", undefined]],
  ["ew", "ab", ["ab", "cab"], ["abc", undefined]],
  ["ct", "ab", ["cabc"], ["acb", undefined]],
  ["lt", "10", ["9", "-11", "9.99"], ["10", "11", "x", "", undefined]],
  ["lte", "10", ["10", "10.0"], ["10.01"]],
  ["gt", "0.3", ["0.30000000000000004", "1"], ["0.3", "-1", "1e9"]],
  ["gte", "9007199254740993", ["9007199254740993"], ["9007199254740992"]],
  ["gt", "x", [], ["1"]],
] as const)("[SUB10] %s %o", (cmp, val, fitting, others) => {
  const filter = compare(cmp, val);
  const isFitting = (value: string | undefined): boolean => fits(filter, value === undefined ? {} : { k: value });
  expect([...fitting, ...others].filter((value) => isFitting(value))).toEqual(fitting);
});

test("[SUB10] and, or, not", () => {
  const [a, b] = [compare("eq", "1"), node({ key: "l", cmp: "eq", val: "2" })];
  const both = { k: "1", l: "2" };
  expect([both, { k: "1" }, {}].map((tags) => fits(node({ op: "and", nodes: [a, b] }), tags))).toEqual([
    true,
    false,
    false,
  ]);
  expect([both, { k: "1" }, {}].map((tags) => fits(node({ op: "or", nodes: [a, b] }), tags))).toEqual([
    true,
    true,
    false,
  ]);
  expect([both, {}].map((tags) => fits(node({ op: "not", nodes: [a] }), tags))).toEqual([false, true]);
});

test("[SUB10] a name of Object.prototype is a tag like any other", () => {
  expect(fits(node({ key: "constructor", cmp: "ex" }), {})).toBe(false);
});

function deep(levels: number): FilterNode {
  let filter = compare("ex", "");
  for (let level = 1; level < levels; level++) filter = node({ op: "not", nodes: [filter] });
  return filter;
}

test.each([
  ["an unknown comparison", compare("like", "a"), "tf.cmp"],
  ["a comparison without a key", node({ cmp: "ex" }), "tf.key"],
  ["a comparison with nodes", node({ key: "k", cmp: "ex", nodes: [compare("ex", "")] }), "tf.nodes"],
  ["an empty list", compare("in", []), "tf.vals"],
  ["an unknown operation", node({ op: "xor", nodes: [compare("ex", "")] }), "tf.op"],
  ["an empty group", node({ op: "and" }), "tf.nodes"],
  ["not of two", node({ op: "not", nodes: [compare("ex", ""), compare("ex", "")] }), "tf.nodes"],
  ["a bad node inside", node({ op: "or", nodes: [compare("ex", ""), compare("", "")] }), "tf.cmp"],
  ["too deep", deep(65), "levels"],
  ["too many nodes", node({ op: "or", nodes: Array.from({ length: 256 }, () => compare("ex", "")) }), "256 nodes"],
  ["too many values", compare("in", Array.from({ length: 1025 }, String)), "1024 values"],
])("[SUB12] %s is refused", (_title, filter, problem) => {
  expect(compileTagsFilter(filter)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) as string });
});
