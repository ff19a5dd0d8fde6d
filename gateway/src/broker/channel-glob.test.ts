import { fc } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { matchesGlob } from "./channel-glob.ts";

/** CPU time of this thread: by the clock a busy machine takes longer. */
const cpuMs = (): number => process.threadCpuUsage().user / 1000;

test("[BR27] a glob knows * and ? and nothing else", () => {
  const matches: readonly (readonly [string, string, boolean])[] = [
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "a:b", true],
    ["a*", "ba", false],
    ["*a*b", "xaxxbxb", true],
    ["*a*b", "xaxxbx", false],
    ["?", "", false],
    ["??*", "ab", true],
    ["[a]", "a", false],
    ["a\\*", "a*", false],
    ["a.c", "abc", false],
  ];
  for (const [pattern, name, expected] of matches)
    expect([pattern, name, matchesGlob(pattern, name)]).toEqual([pattern, name, expected]);
});

test("[BR27] a glob finds what a regular expression would, and takes no longer for a hostile one", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(text, text, (pattern, name) => {
      const source = pattern
        .split("")
        .map((char) => (char === "*" ? "[^]*" : char === "?" ? "[^]" : RegExp.escape(char)))
        .join("");
      expect(matchesGlob(pattern, name)).toBe(new RegExp(`^${source}$`).test(name));
    }),
    { seed: 27, numRuns: 5_000 },
  );
  const startedMs = cpuMs();
  expect(matchesGlob(`${"*a".repeat(120)}b`, "a".repeat(255))).toBe(false);
  expect(cpuMs() - startedMs).toBeLessThan(200);
});
