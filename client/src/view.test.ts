import { expect, test } from "vitest";
import { type Change, LiveView } from "./view.ts";

interface Counted {
  readonly view: LiveView<number>;
  readonly starts: () => number;
  readonly stops: () => number;
  readonly change: Change<number>;
}

function counted(): Counted {
  let starts = 0;
  let stops = 0;
  const given: Change<number>[] = [];
  const view = new LiveView(0, (change) => {
    starts += 1;
    given.push(change);
    return () => (stops += 1);
  });
  return { view, starts: () => starts, stops: () => stops, change: (next) => given.at(-1)?.(next) };
}

test("[VIW1] the first listener begins and the last one ends", async () => {
  const { view, starts, stops } = counted();
  expect(starts()).toBe(0);
  const first = view.listen(() => undefined);
  const second = view.listen(() => undefined);
  expect(starts()).toBe(1);
  first();
  await Promise.resolve();
  expect(stops()).toBe(0);
  second();
  second();
  await Promise.resolve();
  expect(stops()).toBe(1);
});

test("[VIW1] leaving and coming back in one turn is nothing", async () => {
  const { view, starts, stops } = counted();
  view.listen(() => undefined)();
  view.listen(() => undefined);
  await Promise.resolve();
  expect([starts(), stops()]).toEqual([1, 0]);
});

test("[VIW2] changes of one turn are told once, and the snapshot stays the same without any", async () => {
  const { view, change } = counted();
  let told = 0;
  view.listen(() => (told += 1));
  change((before) => before + 1);
  change((before) => before + 1);
  await Promise.resolve();
  expect([told, view.snapshot]).toEqual([1, 2]);
  change((before) => before);
  await Promise.resolve();
  expect(told).toBe(1);
});
