import { expect, test } from "vitest";
import { slots } from "./layout.ts";
import { candidateSlots } from "./slots.ts";

test("the clusters of `make up` and `make test` have a slot each that no other name can take", () => {
  expect(candidateSlots("belay")).toEqual([0]);
  expect(candidateSlots("test")).toEqual([1]);
  expect(candidateSlots("mine")).toEqual([2, 3, 4, 5, 6, 7].slice(0, slots - 2));
});
