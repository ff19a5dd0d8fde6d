import { fc } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { isDeeperThan, rawElements, rawMember, withoutNewlines } from "./json-scan.ts";

/** JSON text in all its spellings: spaces, escapes, numbers no double holds. */
const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const space = fc.constantFrom("", "", " ", "\n", "\t\r ");
  const text = fc.string({ unit: "binary" }).map((plain) => JSON.stringify(plain));
  const escaped = fc
    .string()
    .map(
      (plain) =>
        `"${Array.from({ length: plain.length }, (_, at) => `\\u${plain.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`,
    );
  const scalar = fc.oneof(
    text,
    escaped,
    fc.constantFrom("0", "-1.50e+400", "12345678901234567890", "true", "null", '"\\\\"', '"{\\"a\\":["'),
  );
  const member = fc
    .tuple(fc.oneof(text, escaped), space, tie("value"))
    .map(([key, gap, value]) => `${key}${gap}:${value}`);
  const list = fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`);
  const object = fc.array(member, { maxLength: 4 }).map((members) => `{${members.join(",")}}`);
  const bare = fc.oneof({ maxDepth: 4 }, scalar, list, object);
  return { value: fc.tuple(space, bare, space).map((parts) => parts.join("")) };
}).value;

test("[PAY1] a member's text is found wherever it stands, whatever stands around it", () => {
  fc.assert(
    fc.property(jsonText, jsonText, jsonText, (before, data, behind) => {
      const line = `{"x":${before},"publish":{"channel":"c","y":${behind},"data":${data},"z":${before}} , "id":1}`;
      expect(rawMember(line, ["publish", "data"])).toBe(data.trim());
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['{"data":1,"data":2}', "2"],
  ['{"d\\u0061ta":[1]}', "[1]"],
  ['{"a":"\\"data\\":5","data":6}', "6"],
  ['{"data":"\\\\"}', '"\\\\"'],
  ['{"data": -0.0 }', "-0.0"],
  ["{}", undefined],
  ['{"dat":1,"Data":2}', undefined],
  ["[1]", undefined],
])("[PAY1] in %s data is %s", (text, data) => {
  expect(rawMember(text, ["data"])).toBe(data);
});

test("[FRM2] text that is no JSON is scanned without an error and within its bounds", () => {
  const broken = fc.string({ unit: fc.constantFrom('"', "\\", "{", "}", "[", "]", ":", ",", "data", "1", " ") });
  fc.assert(
    fc.property(broken, (text) => {
      const line = `{${text}`;
      isDeeperThan(line, 3);
      // Only a key with a broken escape throws, and JSON.parse has refused such text before it comes here.
      const found = outcome(() => rawMember(line, ["data"]));
      expect(line).toContain(found ?? "");
    }),
    { numRuns: 5000 },
  );
});

/** What the scan found, or the name of what it threw. */
function outcome(scan: () => string | undefined): string | undefined {
  try {
    return scan();
  } catch (error) {
    return error instanceof SyntaxError ? undefined : "another fault";
  }
}

test("[LIM4] nesting is counted outside strings", () => {
  expect(isDeeperThan("[[[]]]", 3)).toBe(false);
  expect(isDeeperThan("[[[{}]]]", 3)).toBe(true);
  expect(isDeeperThan('["[[[[","{{{{\\"{"]', 1)).toBe(false);
  expect(isDeeperThan("[],[],[],[]", 1)).toBe(false);
});

test("[PAY2] without newlines a value is the same value", () => {
  fc.assert(
    fc.property(jsonText, (text) => {
      const line = withoutNewlines(text);
      expect(line).not.toMatch(/[\r\n]/);
      expect(JSON.parse(line)).toEqual(JSON.parse(text));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["[]", []],
  [' [ 1.0 , "a,]" ,{"b":[1,2]},[ ] ] ', ["1.0", '"a,]"', '{"b":[1,2]}', "[ ]"]],
  ["{}", undefined],
  ["1", undefined],
])("[PAY1] the elements of %s are cut out as they stand", (text, elements) => {
  expect(rawElements(text)).toEqual(elements);
});
