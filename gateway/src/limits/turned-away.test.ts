import { expect, test } from "vitest";
import { TurnedAway } from "./turned-away.ts";

test("[WIN3] each that is turned away gets twice the time that those before it take, within bounds", () => {
  const away = new TurnedAway();
  const times = Array.from({ length: 100 }, () => away.add(1000, 10));
  expect([times[0], times[9], times[99]]).toEqual([500, 2000, 20_000]);
  expect(away.add(1000, 0.001)).toBe(120_000);
});

test("[WIN3] those who have been admitted meanwhile are not counted", () => {
  const away = new TurnedAway();
  for (let n = 0; n < 100; n++) away.add(0, 10);
  expect(away.add(5_000, 10)).toBe(10_200);
  expect(away.add(60_000, 10)).toBe(500);
});

test("[WIN3] a flood is forgotten within the longest time", () => {
  const away = new TurnedAway();
  for (let n = 0; n < 100_000; n++) away.add(0, 10);
  expect(away.add(0, 10)).toBe(120_000);
  expect(away.add(61_000, 10)).toBe(500);
});
