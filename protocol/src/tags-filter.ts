import { MAX_NESTING } from "./limits.ts";
import type { FilterNode } from "./messages.ts";

/** Tags of a publication. */
export type Tags = Readonly<Record<string, string>>;

export type TagsPredicate = (tags: Tags) => boolean;

export type CompiledFilter =
  | { readonly ok: true; readonly accepts: TagsPredicate }
  /** `problem` names the rule, for the error's message. */
  | { readonly ok: false; readonly problem: string };

/** Nodes of one filter: it is asked for every publication and every subscriber that has it. */
const MAX_NODES = 256;
/** Values that one comparison lists, all nodes together. */
const MAX_VALUES = 1024;

type Compare = (value: string, node: FilterNode) => boolean;

/** Comparisons of a tag that is there with `val`. */
const COMPARE: Readonly<Record<string, Compare>> = {
  eq: (value, { val }) => value === val,
  sw: (value, { val }) => value.startsWith(val),
  ew: (value, { val }) => value.endsWith(val),
  ct: (value, { val }) => value.includes(val),
  lt: (value, { val }) => compareNumbers(value, val, (difference) => difference < 0),
  lte: (value, { val }) => compareNumbers(value, val, (difference) => difference <= 0),
  gt: (value, { val }) => compareNumbers(value, val, (difference) => difference > 0),
  gte: (value, { val }) => compareNumbers(value, val, (difference) => difference >= 0),
  in: (value, { vals }) => vals.includes(value),
};

/** Whole or decimal numbers; a text that is none fits no comparison. */
const NUMBER = /^[+-]?\d{1,40}(?:\.\d{1,40})?$/;

function compareNumbers(left: string, right: string, fits: (difference: number) => boolean): boolean {
  if (!NUMBER.test(left) || !NUMBER.test(right)) return false;
  const [a, b] = [scaled(left), scaled(right)];
  return fits(a < b ? -1 : Number(a > b));
}

/** Exact, where a double would make 0.1 + 0.2 of money. */
function scaled(text: string): bigint {
  const isNegative = text.startsWith("-");
  const [whole = "0", fraction = ""] = text.replace(/^[+-]/, "").split(".");
  const value = BigInt(whole + fraction.padEnd(40, "0"));
  return isNegative ? -value : value;
}

/** Checks a filter and makes a predicate of it. Pure; a hostile filter costs no more than its bounds. */
export function compileTagsFilter(filter: FilterNode): CompiledFilter {
  const problem = problemOf(filter, { nodes: 0, values: 0 }, 1);
  return problem === undefined ? { ok: true, accepts: predicateOf(filter) } : { ok: false, problem };
}

interface Count {
  nodes: number;
  values: number;
}

function problemOf(node: FilterNode, count: Count, depth: number): string | undefined {
  count.nodes += 1;
  count.values += node.vals.length;
  if (depth > MAX_NESTING) return `tf must have at most ${MAX_NESTING} levels`;
  if (count.nodes > MAX_NODES) return `tf must have at most ${MAX_NODES} nodes`;
  if (count.values > MAX_VALUES) return `tf must list at most ${MAX_VALUES} values`;
  return node.op === "" ? comparisonProblem(node) : groupProblem(node, count, depth);
}

function comparisonProblem({ key, cmp, nodes, vals }: FilterNode): string | undefined {
  if (key === "") return "tf.key must be there";
  if (nodes.length > 0) return "tf.nodes must be empty in a comparison";
  if (!KNOWN_COMPARISONS.has(cmp)) return `tf.cmp must be one of ${[...KNOWN_COMPARISONS].join(", ")}`;
  if ((cmp === "in" || cmp === "nin") && vals.length === 0) return `tf.vals must not be empty for ${cmp}`;
  return undefined;
}

const KNOWN_COMPARISONS: ReadonlySet<string> = new Set([...Object.keys(COMPARE), "neq", "nin", "ex", "nex"]);

function groupProblem({ op, nodes }: FilterNode, count: Count, depth: number): string | undefined {
  if (op !== "and" && op !== "or" && op !== "not") return "tf.op must be and, or, not or empty";
  if (nodes.length === 0) return `tf.nodes must not be empty for ${op}`;
  if (op === "not" && nodes.length > 1) return "tf.nodes must be one node for not";
  for (const node of nodes) {
    const problem = problemOf(node, count, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function predicateOf(node: FilterNode): TagsPredicate {
  const nodes = node.nodes.map((one) => predicateOf(one));
  switch (node.op) {
    case "and":
      return (tags) => nodes.every((accepts) => accepts(tags));
    case "or":
      return (tags) => nodes.some((accepts) => accepts(tags));
    case "not":
      return (tags) => nodes[0]?.(tags) === false;
    default:
      return comparisonOf(node);
  }
}

/** A tag that is absent fits `nex`, `neq` and `nin` only. */
function comparisonOf(node: FilterNode): TagsPredicate {
  const { key, cmp, val, vals } = node;
  const read = (tags: Tags): string | undefined => (Object.hasOwn(tags, key) ? tags[key] : undefined);
  switch (cmp) {
    case "ex":
      return (tags) => read(tags) !== undefined;
    case "nex":
      return (tags) => read(tags) === undefined;
    case "neq":
      return (tags) => read(tags) !== val;
    case "nin": {
      const listed = new Set(vals);
      return (tags) => !listed.has(read(tags) ?? "") || read(tags) === undefined;
    }
    default: {
      const compare = COMPARE[cmp];
      return (tags) => {
        const value = read(tags);
        return value !== undefined && compare?.(value, node) === true;
      };
    }
  }
}
