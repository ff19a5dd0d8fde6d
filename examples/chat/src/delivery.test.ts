import { expect, test } from "vitest";
import { delivered, NOTHING_DELIVERED } from "./delivery.ts";

function after(...said: readonly (readonly [visit: string, n: number])[]) {
  return said.reduce(
    (before, [visit, n]) => delivered(before, { visit, n, text: "", atMs: 100 }, 130),
    NOTHING_DELIVERED,
  );
}

test.each([
  ["every message once", after(["a", 1], ["b", 1], ["a", 2]), { shown: 3, lost: 0, duplicated: 0 }],
  ["who comes later misses nothing", after(["a", 7], ["a", 8]), { shown: 2, lost: 0, duplicated: 0 }],
  ["two are missing", after(["a", 1], ["a", 4]), { shown: 2, lost: 2, duplicated: 0 }],
  ["one comes twice", after(["a", 1], ["a", 2], ["a", 2]), { shown: 3, lost: 0, duplicated: 1 }],
  ["an old one comes again", after(["a", 1], ["a", 2], ["a", 1], ["a", 3]), { shown: 4, lost: 0, duplicated: 1 }],
])("%s", (_, delivery, counts) => {
  expect(delivery).toMatchObject({ ...counts, longestMs: 30 });
});
