import { expect, test } from "vitest";
import { DocComments } from "./doc-comments.ts";

const SOURCE = `
/** The file. Fields marked *hot* act at once. */
export interface File extends Base {
  /** *hot* Bytes. */
  readonly size?: number;
  /**
   * Over
   * two lines.
   */
  readonly parts?: readonly Part[];
  readonly either?: { readonly a: string } | { /** Of b. */ readonly b: string };
}
/** All of it is *hot*. */
interface Part { readonly name: string }
interface Base { /** Of the base. */ readonly base: string }
export const CODES = {
  /** The first one. */
  one: { code: 1 },
  two: { code: 2 },
};
`;

test("fields have the words above them, by path, and are hot where they or what they stand in is marked", () => {
  const fields = new DocComments([{ path: "file.ts", text: SOURCE }]).fieldsOf("File");
  expect([...fields].map(([path, { text, isHot }]) => [path, text, isHot])).toEqual([
    ["base", "Of the base.", false],
    ["size", "Bytes.", true],
    ["parts", "Over two lines.", false],
    ["parts[].name", "", true],
    ["either", "", false],
    ["either.a", "", false],
    ["either.b", "Of b.", false],
  ]);
});

test("entries of an object have the words above them", () => {
  const entries = new DocComments([{ path: "file.ts", text: SOURCE }]).entriesOf("CODES");
  expect([...entries]).toEqual([
    ["one", "The first one."],
    ["two", ""],
  ]);
});
