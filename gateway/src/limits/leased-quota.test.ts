import { expect, test } from "vitest";
import type { LeaseReply } from "./lease.ts";
import { LeasedQuota, type TokenStore } from "./leased-quota.ts";
import { MemoryQuota } from "./memory-quota.ts";
import type { QuotaSubject, QuotaVerdict } from "./quota.ts";

const ann: QuotaSubject = { kind: "user", name: "ann" };
const rate = { perSecond: 100, burst: 40 };

/** Answers when told to. */
class HeldStore implements TokenStore {
  readonly asked: { readonly want: number; readonly answer: PromiseWithResolvers<LeaseReply> }[] = [];
  lease(_subject: QuotaSubject, want: number): Promise<LeaseReply> {
    const answer = Promise.withResolvers<LeaseReply>();
    this.asked.push({ want, answer });
    return answer.promise;
  }
}

function rig() {
  const store = new HeldStore();
  const now = { ms: 0 };
  const calls: string[] = [];
  const quota = new LeasedQuota({
    store,
    clock: { nowMs: () => now.ms },
    onCall: (outcome) => void calls.push(outcome),
  });
  return { store, now, calls, quota };
}

test("[QU5] answers come in the order of the questions, over several leases", async () => {
  const { store, quota } = rig();
  const order: string[] = [];
  const ask = async (name: number): Promise<void> => {
    const { isGranted } = await quota.take(ann, rate);
    order.push(`${name} ${isGranted ? "granted" : "refused"}`);
  };
  const asks = [1, 2, 3, 4, 5, 6, 7].map((name) => ask(name));
  expect(store.asked.map(({ want }) => want)).toEqual([4]);
  store.asked[0]?.answer.resolve({ granted: 4, left: 9 });
  await Promise.all(asks.slice(0, 4));
  expect(store.asked.map(({ want }) => want)).toEqual([4, 8]);
  store.asked[1]?.answer.resolve({ granted: 2, left: 0 });
  await Promise.all(asks);
  expect(order).toEqual(["1", "2", "3", "4", "5", "6"].map((n) => `${n} granted`).concat("7 refused"));
  expect(quota.take(ann, rate)).toEqual({ isGranted: false, retryAfterMs: 80 });
});

test("[QU4] without an answer a pod counts for itself, at once and no more than the rate", async () => {
  const { store, now, calls, quota } = rig();
  const first = quota.take(ann, rate);
  store.asked[0]?.answer.reject(new Error("gone"));
  expect((await first).isGranted).toBe(true);
  const verdicts = Array.from({ length: 60 }, () => quota.take(ann, rate) as QuotaVerdict);
  expect(verdicts.filter(({ isGranted }) => isGranted)).toHaveLength(39);
  expect(verdicts.at(-1)?.retryAfterMs).toBeCloseTo(10);
  now.ms = 100;
  expect(quota.take(ann, rate)).toMatchObject({ isGranted: true });
  expect(store.asked).toHaveLength(1);
  now.ms = 600;
  const again = quota.take(ann, rate);
  expect(store.asked).toHaveLength(2);
  store.asked[1]?.answer.resolve({ granted: 4, left: 0 });
  expect((await again).isGranted).toBe(true);
  expect(calls).toEqual(["failed", "ok"]);
});

test("[QU6] one node keeps the rate from memory", () => {
  const now = { ms: 0 };
  const quota = new MemoryQuota({ nowMs: () => now.ms });
  const granted = (count: number): number =>
    Array.from({ length: count }, () => quota.take(ann, rate)).filter(({ isGranted }) => isGranted).length;
  expect(granted(100)).toBe(40);
  expect(quota.take(ann, rate).retryAfterMs).toBeCloseTo(10);
  now.ms = 200;
  expect(granted(100)).toBe(20);
});
