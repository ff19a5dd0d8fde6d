import { fc, test as prop } from "@fast-check/vitest";
import { KubeError, runController, WorkQueue } from "@belay/operator/internal";
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

test("[RT10] a key about which the server asked to be left alone is not handed out before, whoever adds it", async () => {
  const { clock, queue } = make();
  queue.addAfter("a", 1_000);
  queue.addAfterFailure("a", 12_000);
  queue.add("a");
  queue.add("b");
  expect(await queue.next()).toBe("b");
  await clock.advance(11_999);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(await queue.next()).toBe("a");
  queue.forget("a");
  queue.done("a");
  queue.add("a");
  expect(queue.depth).toBe(1);
});

/** The longest time between two tries. */
function longest(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((atMs, n) => atMs - (times[n] ?? 0)));
}

test("[RT20] an outage costs a key at most 30 s a try, a refusal up to 1,000 s", async () => {
  const { clock, queue } = make();
  const tries = { away: [] as number[], refused: [] as number[] };
  const running = runController({
    queue,
    workers: 1,
    reconcile: (key) => {
      tries[key as keyof typeof tries].push(clock.nowMs());
      throw key === "away" ? new TypeError("fetch failed") : new KubeError(422, "Invalid", "no");
    },
  });
  queue.add("away");
  queue.add("refused");
  await clock.advance(4 * 3_600_000);
  expect([longest(tries.away), longest(tries.refused)]).toEqual([22_500, 750_000]);
  queue.close();
  await running;
});

test("[RT15] closing lets what is in hand finish, and hands out nothing more", async () => {
  const { clock, queue } = make();
  const inHand = Promise.withResolvers<Record<string, never>>();
  const seen: string[] = [];
  const running = runController({
    queue,
    workers: 1,
    reconcile: (key) => {
      seen.push(key);
      return inHand.promise;
    },
  });
  for (const key of ["a", "b"]) queue.add(key);
  queue.addAfter("c", 10);
  await settle();
  queue.close();
  queue.add("d");
  await clock.advance(100);
  inHand.resolve({});
  await running;
  expect([seen, clock.waiting]).toEqual([["a"], 0]);
});

interface Step {
  readonly kind: "add" | "later" | "succeed" | "fail" | "pass";
  readonly key: string;
  readonly ms: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("add", "later", "succeed", "fail", "pass"),
  key: fc.constantFrom("a", "b", "c"),
  ms: fc.nat(50),
});

prop.prop([fc.array(step, { maxLength: 60, size: "max" })], { numRuns: 150 })(
  "[RT12] whatever happens: never two workers on a key, and what was added is worked on after it was added",
  async (steps) => {
    const { clock, queue } = make();
    const inHand: { key: string; finish: (error?: Error) => void }[] = [];
    const owed = new Set<string>();
    const running = runController({
      queue,
      workers: 2,
      reconcile: (key) => {
        if (inHand.some((each) => each.key === key)) throw new Error(`two workers on ${key}`);
        owed.delete(key);
        const { promise, resolve, reject } = Promise.withResolvers<Record<string, never>>();
        const finish = (error?: Error): void => (error === undefined ? resolve({}) : reject(error));
        inHand.push({ key, finish });
        return promise;
      },
      onResult: (_key, _outcome, error) => expect(String(error)).not.toContain("two workers"),
    });
    const effects = {
      add: ({ key }: Step) => {
        owed.add(key);
        queue.add(key);
      },
      later: ({ key, ms }: Step) => {
        owed.add(key);
        queue.addAfter(key, ms);
      },
      succeed: () => inHand.shift()?.finish(),
      fail: ({ ms }: Step) => inHand.shift()?.finish(new KubeError(429, "TooManyRequests", "later", ms / 1_000)),
      pass: ({ ms }: Step) => clock.advance(ms),
    };
    for (const each of steps) {
      await effects[each.kind](each);
      await settle();
    }
    for (let round = 0; round < 200 && (owed.size > 0 || inHand.length > 0); round++) {
      for (const { finish } of inHand.splice(0)) finish();
      await clock.advance(1_000);
    }
    expect([owed.size, inHand.length]).toEqual([0, 0]);
    queue.close();
    await running;
  },
);
