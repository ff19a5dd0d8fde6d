import { expect, test } from "vitest";
import { stableHash } from "./stable-hash.ts";

test("the order of keys and absent fields change nothing, everything else does", () => {
  expect(stableHash({ a: 1, b: { c: [1, 2], d: undefined } })).toBe(stableHash({ b: { c: [1, 2] }, a: 1 }));
  expect(stableHash({ a: [1, 2] })).not.toBe(stableHash({ a: [2, 1] }));
  expect(stableHash({ a: "1" })).not.toBe(stableHash({ a: 1 }));
});

test("fits a label and a name, and never changes between releases", () => {
  expect(stableHash({ revision: "of a gateway" })).toMatch(/^[0-9a-v]{12}$/);
  expect(stableHash({})).toMatchInlineSnapshot(`"b3nroh2mic2m"`);
});

test("a hundred thousand near neighbours have a hundred thousand hashes", () => {
  const hashes = new Set(Array.from({ length: 100_000 }, (_, index) => stableHash({ image: `gateway:${index}` })));
  expect(hashes.size).toBe(100_000);
});
