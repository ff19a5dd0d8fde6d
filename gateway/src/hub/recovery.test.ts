import { fc } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import type { History, StoredPublication } from "../broker/broker.ts";
import { recover, recoverLatest } from "./recovery.ts";

const stored = (offset: number): StoredPublication => ({ offset, timeMs: offset, data: Buffer.from(`${offset}`) });
const history = (top: number, offsets: readonly number[]): History => ({
  position: { offset: top, epoch: "e" },
  publications: offsets.map(stored),
});
const at = (offset: number, epoch = "e"): { readonly offset: number; readonly epoch: string } => ({ offset, epoch });

describe("[BR20] recovery gives exactly what was missed or says that it cannot", () => {
  test.for<readonly [string, History, number, readonly number[]]>([
    ["everything since", history(5, [3, 4, 5]), 2, [3, 4, 5]],
    ["one", history(5, [5]), 4, [5]],
    ["from the beginning", history(2, [1, 2]), 0, [1, 2]],
    ["nothing missed", history(5, []), 5, []],
    ["nothing missed, history long gone", history(9, []), 9, []],
    ["a channel never published to", history(0, []), 0, []],
  ])("recovered: %s", ([, answer, since, offsets]) => {
    const recovery = recover(answer, at(since));
    expect(recovery.recovered).toBe(true);
    expect(recovery.publications.map(({ offset }) => offset)).toEqual(offsets);
  });

  test.for<readonly [string, History, number, string]>([
    ["another epoch", history(5, [3, 4, 5]), 2, "f"],
    ["another epoch at the same offset", history(5, []), 5, "f"],
    ["no epoch", history(1, [1]), 0, ""],
    ["ahead of the top", history(5, []), 6, "e"],
    ["trimmed at the front", history(5, [4, 5]), 2, "e"],
    ["expired", history(5, []), 2, "e"],
    ["a hole inside", history(5, [3, 5]), 2, "e"],
    ["the newest was not stored", history(5, [3, 4]), 2, "e"],
    ["cut short by the limit", history(9, [3, 4]), 2, "e"],
    ["more than asked for", history(5, [2, 3, 4, 5]), 2, "e"],
    ["twice the same", history(5, [3, 4, 4]), 2, "e"],
    ["out of order", history(5, [4, 3, 5]), 2, "e"],
    ["not a number", history(5, [3, 4, 5]), Number.NaN, "e"],
    ["a fraction", history(5, [3, 4, 5]), 2.5, "e"],
    ["negative", history(2, [1, 2]), -1, "e"],
  ])("not recovered: %s", ([, answer, since, epoch]) => {
    expect(recover(answer, at(since, epoch))).toEqual({ recovered: false, publications: [] });
  });

  test("whatever a broker answers, what is filled in is the whole gap", () => {
    const cases = fc.tuple(fc.nat(12), fc.integer({ min: -1, max: 14 }), fc.array(fc.nat(13), { maxLength: 14 }));
    fc.assert(
      fc.property(cases, ([top, since, offsets]) => {
        const recovery = recover(history(top, offsets), at(since));
        const gap = Array.from({ length: Math.max(0, top - since) }, (_, index) => since + 1 + index);
        const isExact = since >= 0 && since <= top && gap.join() === (since === top ? "" : offsets.join());
        expect(recovery.recovered).toBe(isExact);
        expect(recovery.publications.map(({ offset }) => offset)).toEqual(isExact ? gap : []);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("[BR21] latest-value recovery gives the newest publication or says that it cannot", () => {
  test("the newest, whether the subscriber is behind, of another epoch, or new", () => {
    const answer = history(5, [3, 4, 5]);
    for (const since of [at(2), at(2, "f"), at(5, "f"), at(9), undefined])
      expect(recoverLatest(answer, since)).toEqual({ recovered: true, publications: [stored(5)] });
  });

  test("nothing for a subscriber that has it, also when it is no longer stored", () => {
    expect(recoverLatest(history(5, [5]), at(5))).toEqual({ recovered: true, publications: [] });
    expect(recoverLatest(history(5, []), at(5))).toEqual({ recovered: true, publications: [] });
  });

  test("not recovered when the newest was not stored, expired, or never was", () => {
    for (const answer of [history(5, [4]), history(5, []), history(0, [])])
      expect(recoverLatest(answer, at(3))).toEqual({ recovered: false, publications: [] });
    expect(recoverLatest(history(0, []), at(0))).toEqual({ recovered: false, publications: [] });
  });
});
