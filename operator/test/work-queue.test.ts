import { runController, WorkQueue } from "@belay/operator/internal";
import { FakeClock, settle } from "@belay/testkit";
import { expect, test } from "vitest";

function make() {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue(clock, () => 0.5) };
}

test("[RT11] a key that waits is handed out once, however often it was added", async () => {
  const { queue } = make();
  for (const key of ["a", "b", "a", "a"]) queue.add(key);
  expect([await queue.next(), await queue.next(), queue.depth]).toEqual(["a", "b", 0]);
});

test("[RT12] a key that is worked on is not handed out again before it is done, and then is", async () => {
  const { queue } = make();
  queue.add("a");
  expect(await queue.next()).toBe("a");
  queue.add("a");
  queue.add("a");
  expect(queue.depth).toBe(0);
  queue.done("a");
  expect(await queue.next()).toBe("a");
  queue.done("a");
  expect(queue.depth).toBe(0);
});

test("[RT13] of several times for one key the earliest counts", async () => {
  const { clock, queue } = make();
  queue.addAfter("a", 1_000);
  queue.addAfter("a", 200);
  queue.addAfter("a", 500);
  await clock.advance(199);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(queue.depth).toBe(1);
  expect(await queue.next()).toBe("a");
  queue.done("a");
  await clock.advance(5_000);
  expect(queue.depth).toBe(0);
});

test("[RT14] failures of a key make its pauses longer, up to 1,000 s; success forgets them", async () => {
  const { clock, queue } = make();
  const pauses: number[] = [];
  for (let failure = 0; failure < 20; failure++) {
    const before = clock.nowMs();
    queue.addAfterFailure("a");
    while (queue.depth === 0) await clock.advance(failure < 8 ? 0.25 : 10_000);
    pauses.push(clock.nowMs() - before);
    queue.done((await queue.next()) ?? "");
  }
  expect(pauses.slice(0, 3)).toEqual([3.75, 7.5, 15]);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(760_000);
  queue.forget("a");
  queue.addAfterFailure("a");
  await clock.advance(4);
  expect(queue.depth).toBe(1);
});

test("[RT15] a reconcile that throws costs its key a pause and nobody else anything", async () => {
  const { clock, queue } = make();
  const seen: string[] = [];
  const outcomes: string[] = [];
  const running = runController({
    queue,
    workers: 2,
    reconcile: (key) => {
      seen.push(key);
      if (key === "bad") throw new Error("broken");
      return Promise.resolve({ requeueAfterMs: 1_000 });
    },
    onResult: (key, outcome) => outcomes.push(`${key} ${outcome}`),
  });
  queue.add("bad");
  queue.add("good");
  await settle();
  expect(outcomes).toEqual(expect.arrayContaining(["bad failed", "good ok"]));
  await clock.advance(2_000);
  expect(seen.filter((key) => key === "bad").length).toBeGreaterThan(2);
  expect(seen.filter((key) => key === "good")).toHaveLength(3);
  queue.close();
  await running;
});
