import { applyDelta } from "fossil-delta";
import { describe, expect, test } from "vitest";
import { makeDelta } from "./fossil-delta.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A reproducible stream of numbers from 0 to 1 (mulberry32). */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Pieces of the source, changed, moved, repeated and mixed with new bytes. */
function edited(source: Uint8Array, chance: () => number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let count = Math.floor(chance() * 6); count >= 0; count--) {
    const from = Math.floor(chance() * source.length);
    if (chance() < 0.7) parts.push(source.slice(from, from + Math.floor(chance() * 400)));
    else parts.push(Uint8Array.from({ length: Math.floor(chance() * 40) }, () => chance() * 256));
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe("[SUB11] a patch gives the target, applied by the format's own library", () => {
  test.each([
    ["nothing to nothing", bytes(""), bytes("")],
    ["something from nothing", bytes(""), bytes('{"a":1}')],
    ["nothing from something", bytes('{"a":1}'), bytes("")],
    ["the same", bytes("x".repeat(100)), bytes("x".repeat(100))],
    ["text of several bytes a character", bytes("häße 😀".repeat(30)), bytes(`${"häße 😀".repeat(29)}häße 😁`)],
    ["64 KiB", new Uint8Array(65_536).fill(7), new Uint8Array(65_536).fill(7).fill(8, 30_000, 30_001)],
    ["a sum over 31 bits", new Uint8Array(64), new Uint8Array(64).fill(255)],
  ])("%s", (_title, source, target) => {
    expect(applyDelta(source, makeDelta(source, target))).toEqual(target);
  });

  test("2,000 random edits (seed 7)", () => {
    const chance = chanceOf(7);
    for (let run = 0; run < 2000; run++) {
      const alphabet = chance() < 0.5 ? 4 : 256;
      const source = Uint8Array.from({ length: Math.floor(chance() * 900) }, () => chance() * alphabet);
      const target = edited(source, chance);
      const patch = makeDelta(source, target);
      expect(Buffer.from(applyDelta(source, patch)).equals(target), `run ${run}`).toBe(true);
    }
  });
});

test("[SUB11] a small change of a large document is a small patch", () => {
  const document = bytes(
    JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, name: `player ${id}`, score: 0 }))),
  );
  const changed = bytes(
    new TextDecoder().decode(document).replace('"score":0', '"score":1').replace("player 400", "player x"),
  );
  expect(makeDelta(document, changed).length).toBeLessThan(150);
});
