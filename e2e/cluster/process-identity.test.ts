import { expect, test } from "vitest";
import { identify, isAlive, isSameProcess, parseStat } from "./process-identity.ts";

function stat(name: string, state: string, startTicks: number): string {
  const between = Array.from({ length: 17 }, () => "0").join(" ");
  return `77 (${name}) ${state} 1 ${between} ${startTicks} 0 0`;
}

test.each([["etcd"], ["a b"], ["x) S 5 (y"], ["))"]])("the start time of a process that is called %j", (name) => {
  expect(parseStat(stat(name, "S", 4711))).toEqual({ startTicks: 4711, parent: 1 });
});

test.each([["Z"], ["X"]])("a process in state %s has ended", (state) => {
  expect(parseStat(stat("etcd", state, 4711))).toBeUndefined();
});

test("what is no stat line is no process", () => {
  expect(parseStat("")).toBeUndefined();
  expect(parseStat("77 (etcd) S 1")).toBeUndefined();
});

test.each([
  ["the same number and start", { pid: 5, startTicks: 100 }, true],
  ["the number given to a later process", { pid: 5, startTicks: 101 }, false],
  ["another number", { pid: 6, startTicks: 100 }, false],
  ["nobody", undefined, false],
])("a recorded process against %s", (_, seen, same) => {
  expect(isSameProcess({ pid: 5, startTicks: 100 }, seen)).toBe(same);
});

test("this process is alive as itself, and not as one that began a tick earlier", () => {
  const self = identify(process.pid);
  expect(self).toBeDefined();
  if (self === undefined) return;
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startTicks: self.startTicks - 1 })).toBe(false);
});
