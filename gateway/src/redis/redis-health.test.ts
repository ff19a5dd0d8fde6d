import { expect, test } from "vitest";
import { RedisHealth } from "./redis-health.ts";

/** A node's health under a clock of the test's. */
function watched(): { readonly health: RedisHealth; readonly at: (seconds: number) => RedisHealth } {
  let nowMs = 0;
  const health = new RedisHealth({ nowMs: () => nowMs });
  const at = (seconds: number): RedisHealth => {
    nowMs = seconds * 1_000;
    return health;
  };
  return { health, at };
}

test("[BR60] rounds, failures, rebuilds and the age of the last success are counted", () => {
  const { health, at } = watched();
  health.onConnected(true);
  at(5).onProbe("answered", "one");
  at(10).onProbe("heard", "one");
  at(15).onProbe("lost", "one");
  health.onConnected(false);
  health.onConnected(true);
  expect(at(17).report()).toEqual({
    probe: { rounds: 3, failures: 1, rebuilds: 1, lastSuccessAgeSeconds: 2 },
    problem: "",
    troubleSeconds: 0,
  });
});

test("[BR60] a node that is cut off says so, and since when, also before it was ever connected", () => {
  const { health, at } = watched();
  expect(at(3).report()).toEqual({
    probe: { rounds: 0, failures: 0, rebuilds: 0 },
    problem: "Redis is not reached",
    troubleSeconds: 3,
  });
  health.onConnected(true);
  expect(health.report().problem).toBe("");
  at(10).onConnected(false);
  at(20).onConnected(false);
  expect(at(30).report().troubleSeconds).toBe(20);
});

test("[BR60] one lost probe is mended by a new connection; two in a row are trouble, until one is answered", () => {
  const { health, at } = watched();
  health.onConnected(true);
  at(10).onProbe("lost", "one");
  expect(health.report().problem).toBe("");
  at(22).onProbe("lost", "one");
  expect(at(25).report()).toMatchObject({
    problem: "Redis answers, and delivers nothing on new connections either",
    troubleSeconds: 15,
  });
  health.onProbe("answered", "one");
  expect(health.report()).toMatchObject({ problem: "", troubleSeconds: 0 });
});

test("[BR60] connections to several servers are judged each for itself, and one that has ended no more", () => {
  const { health, at } = watched();
  health.onConnected(true);
  at(10).onProbe("lost", "one");
  at(20).onProbe("lost", "two");
  expect(health.report().problem).toBe("");
  health.onProbe("answered", "two");
  at(30).onProbe("lost", "one");
  expect(at(35).report().troubleSeconds).toBe(25);
  health.onProbe("answered", "two");
  expect(health.report().troubleSeconds).toBe(25);
  health.onProbe("ended", "one");
  expect(health.report().problem).toBe("");
});
