import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import type { StreamPosition, WirePublication } from "./messages.ts";
import { arrived, continued, filled, type Sequence, type SequenceStep, subscribed } from "./sequencer.ts";

const EPOCH = "e1";

function at(offset: number, epoch = EPOCH): StreamPosition {
  return { epoch, offset };
}

function publications(...offsets: readonly number[]): WirePublication[] {
  return offsets.map((offset) => ({ data: `data ${offset}`, offset }));
}

function live(offset: number, isFiltered = false): Sequence {
  return { isFiltered, position: at(offset) };
}

/** `3 4 reset gap 4-6 7` and, where a fill is asked for, ` fill 4-6`. */
function told({ shown, fill }: SequenceStep): string {
  const words = shown.map((each) => {
    if (each.type === "publication") return String(each.publication.offset ?? "none");
    const { reason, from, to } = each.reset;
    return `reset ${reason} ${from?.offset ?? "none"}-${to?.offset ?? "none"}`;
  });
  return [...words, ...(fill === undefined ? [] : [`fill ${fill.since.offset}-${fill.until}`])].join(" ");
}

function publication(offset: number): WirePublication {
  return { data: `data ${offset}`, offset };
}

test.each([
  ["the next one is shown", live(5), publication(6), "6"],
  ["one that was shown is dropped", live(5), publication(5), ""],
  ["an old one is dropped", live(5), publication(2), ""],
  ["behind a hole one waits", live(5), publication(9), "fill 5-8"],
  ["one without a place is shown at once", live(5), { data: 1 }, "none"],
  ["where there are no places all are shown", { isFiltered: false }, publication(9), "9"],
  ["a filtered channel has holes by design", live(5, true), publication(9), "9"],
  ["but no duplicates", live(5, true), publication(5), ""],
] as const)("[SDK20] %s", (_name, sequence, incoming, expected) => {
  expect(told(arrived(sequence, incoming))).toBe(expected);
});

test("[SDK6] where a server tells no places nobody knows what a loss took: each new beginning tells it, until there are places", () => {
  const first = subscribed({ isFiltered: false }, { publications: [{ data: 1 }] });
  expect(told(first)).toBe("none");
  const again = subscribed(arrived(first.sequence, { data: 2 }).sequence, {});
  expect(told(again)).toBe("reset unknown none-none");
  const placed = subscribed(again.sequence, at(4));
  expect(told(placed)).toBe("reset unknown none-4");
  expect(told(subscribed(placed.sequence, at(4)))).toBe("");
  const unplaced = subscribed(placed.sequence, {});
  expect(told(unplaced)).toBe("reset gap 4-none");
  expect(told(subscribed(unplaced.sequence, {}))).toBe("reset unknown none-none");
});

test("[SDK21] what is missing is shown before what came early, and nothing twice", () => {
  const early = arrived(live(5), publication(8));
  const more = arrived(early.sequence, publication(9));
  expect(told(more)).toBe("");
  expect(told(filled(more.sequence, 7, publications(6, 7, 8)))).toBe("6 7 8 9");
});

test("[SDK21] a second hole behind the first is filled, too", () => {
  const early = arrived(arrived(live(5), publication(7)).sequence, publication(10));
  const after = filled(early.sequence, 6, publications(6));
  expect(told(after)).toBe("6 7 fill 7-9");
  expect(told(filled(after.sequence, 9, publications(8, 9)))).toBe("8 9 10");
});

test.each([
  ["nothing", undefined, "reset gap 5-7 8"],
  ["too little", publications(6), "6 reset gap 6-7 8"],
  ["something else", publications(1, 2), "reset gap 5-7 8"],
])("[SDK22] a hole for which the history has %s is told in its place", (_name, found, expected) => {
  const early = arrived(live(5), publication(8));
  expect(told(filled(early.sequence, 7, found))).toBe(expected);
});

test.each([
  ["recovered", live(5), { epoch: EPOCH, offset: 7, recovered: true, publications: publications(6, 7) }, "6 7"],
  [
    "with one that was shown",
    live(6),
    { epoch: EPOCH, offset: 7, recovered: true, publications: publications(6, 7) },
    "7",
  ],
  [
    "recovered, but with a hole",
    live(5),
    { epoch: EPOCH, offset: 8, recovered: true, publications: publications(7) },
    "reset gap 5-6 7 reset gap 7-8",
  ],
  [
    "recovered through a filter",
    live(5, true),
    { epoch: EPOCH, offset: 8, recovered: true, publications: publications(7) },
    "7",
  ],
  ["not recovered", live(5), { epoch: EPOCH, offset: 9, recovered: false }, "fill 5-9"],
  ["not recovered through a filter", live(5, true), { epoch: EPOCH, offset: 9, recovered: false }, "reset gap 5-9"],
  ["of another epoch", live(5), { epoch: "e2", offset: 5, recovered: false }, "reset epoch 5-5"],
  ["where nothing happened, without a history", live(5), { epoch: EPOCH, offset: 5 }, ""],
  ["where something happened, without a history", live(5), { epoch: EPOCH, offset: 6 }, "fill 5-6"],
  ["set back", live(5), { epoch: EPOCH, offset: 3 }, "reset gap 5-3"],
  ["without places any more", live(5), {}, "reset gap 5-none"],
  ["for the first time", { isFiltered: false }, { epoch: EPOCH, offset: 9 }, ""],
] as const)("[SDK23] a subscription that begins again, %s", (_name, sequence, result, expected) => {
  const step = subscribed(sequence, result);
  expect(told(step)).toBe(expected);
  const { fill, sequence: after } = step;
  const place = "epoch" in result ? at(result.offset, result.epoch) : undefined;
  // Until a hole is filled the place is the one before it.
  expect(after.position).toEqual(fill?.since ?? place);
});

test.each([
  ["where this one is", live(5), at(5), ""],
  ["behind it", live(5), at(4), ""],
  ["before it", live(5), at(7), "fill 5-7"],
  ["before it in a filtered channel", live(5, true), at(7), ""],
  ["in another epoch", live(5), at(7, "e2"), "reset epoch 5-7"],
  ["while a hole is filled", arrived(live(5), publication(9)).sequence, at(7), "fill 5-7"],
  ["behind a hole that is filled", arrived(live(5), publication(7)).sequence, at(9), "fill 5-9"],
] as const)("[SDK24] another connection that goes on %s", (_name, sequence, to, expected) => {
  expect(told(continued(sequence, to, true))).toBe(expected);
});

test("[SDK24] what waited behind a fill comes again from the connection that goes on before it, and the hole with it", () => {
  const { sequence } = subscribed(live(5), { epoch: EPOCH, offset: 9, recovered: false });
  const waiting = arrived(sequence, publication(6)).sequence;
  const step = continued(waiting, at(5), true);
  expect(told(step)).toBe("");
  expect(told(arrived(step.sequence, publication(6)))).toBe("6");
  // The answer to what was asked before.
  expect(told(filled(step.sequence, 9, undefined))).toBe("");
});

test("[SDK24] what a filtered subscription may have missed is told where nobody delivered it", () => {
  expect(told(continued(live(5, true), at(7), false))).toBe("reset gap 5-7");
  expect(told(continued(live(5, true), at(5), false))).toBe("");
});

const flight = fc.record({
  lost: fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 15 }),
  kept: fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 30 }),
  twice: fc.array(fc.nat({ max: 29 }), { maxLength: 10 }),
});

prop.prop([flight])(
  "[SDK20] [SDK21] [SDK22] whatever is lost and repeated, offsets only grow and every hole is told exactly",
  ({ lost, kept, twice }) => {
    const sent = Array.from({ length: 30 }, (_, index) => index + 1).filter((offset) => !lost.includes(offset));
    const repeated = sent.flatMap((offset, index) => (twice.includes(index) ? [offset, offset] : [offset]));
    let sequence = live(0);
    let seen = 0;
    const take = (step: SequenceStep): void => {
      sequence = step.sequence;
      for (const each of step.shown) {
        if (each.type === "publication") expect(each.publication.offset).toBe(seen + 1);
        else expect(each.reset.from?.offset).toBe(seen);
        seen = (each.type === "publication" ? each.publication.offset : each.reset.to?.offset) ?? Number.NaN;
      }
      const { fill } = step;
      if (fill === undefined) return;
      const history = kept.filter((offset) => offset > fill.since.offset).toSorted((a, b) => a - b);
      take(filled(sequence, fill.until, publications(...history)));
    };
    for (const offset of repeated) take(arrived(sequence, publication(offset)));
    // A history may have what was lost on its way behind the last one that came.
    expect(seen).toBeGreaterThanOrEqual(sent.at(-1) ?? 0);
  },
);
