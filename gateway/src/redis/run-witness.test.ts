import { expect, test } from "vitest";
import { RunWitness } from "./run-witness.ts";

const KEY = "{tag}.t";

test("[TP8] a process counts as unbroken only if it was known before the key was seen elsewhere", () => {
  const witness = new RunWitness();
  expect([witness.learned("a"), witness.learned("b"), witness.learned("b")]).toEqual([true, true, false]);
  witness.served(KEY, "a", witness.mark());
  expect(witness.knewBefore("b", KEY, "a")).toBe(true);
  // Of a process that came later nobody knows what was there before.
  witness.learned("b2");
  expect(witness.knewBefore("b2", KEY, "a")).toBe(false);
  expect(witness.knewBefore("unknown", KEY, "a")).toBe(false);
  expect(witness.knewBefore("b", "{other}.t", "a")).toBe(false);
  witness.served(KEY, "a", witness.mark());
  expect(witness.knewBefore("b2", KEY, "a")).toBe(true);
});

test("[TP8] what a script saw counts from when it was sent, and an older answer changes nothing", () => {
  const witness = new RunWitness();
  witness.learned("a");
  const sent = witness.mark();
  witness.learned("b");
  witness.served(KEY, "a", sent);
  expect(witness.knewBefore("b", KEY, "a")).toBe(false);
  const later = witness.mark();
  witness.served(KEY, "b", later);
  witness.served(KEY, "a", sent);
  expect([witness.knewBefore("a", KEY, "b"), witness.knewBefore("a", KEY, "a")]).toEqual([true, false]);
});
