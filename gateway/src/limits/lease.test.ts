import { expect, test } from "vitest";
import { Lease, LEASE_MS, largestLease } from "./lease.ts";

const rate = { perSecond: 1000, burst: 1000 };

/** Asks when the lease wants to, and is given all of it at once. */
function refill(lease: Lease, nowMs: number, waiting: number): number {
  const want = lease.wanted(nowMs, waiting, rate);
  if (want === 0) return 0;
  lease.asked(nowMs, want);
  lease.granted(nowMs, { granted: want, left: 100 }, rate);
  return want;
}

/** Calls that so many messages cost, one after the other. */
function calls(lease: Lease, messages: number, atMs: (message: number) => number): number {
  let count = 0;
  for (let message = 0; message < messages; message += 1) {
    const nowMs = atMs(message);
    if (lease.take(nowMs) === "wait") {
      count += refill(lease, nowMs, 1) > 0 ? 1 : 0;
      if (lease.take(nowMs) !== "granted") throw new Error("a filled lease grants");
    }
    count += refill(lease, nowMs, 0) > 0 ? 1 : 0;
  }
  return count;
}

test("[QU2] leases grow to 128 tokens and are renewed before they end: a call for more than 100 messages", () => {
  const lease = new Lease();
  calls(lease, 500, (message) => message);
  expect(calls(lease, 10_000, (message) => 500 + message)).toBeLessThanOrEqual(100);
});

test("[QU3] who was quiet leases four tokens, and what was not used within 2 s is lost", () => {
  const lease = new Lease();
  expect(lease.take(0)).toBe("wait");
  expect(refill(lease, 0, 1)).toBe(4);
  expect(lease.take(LEASE_MS - 1)).toBe("granted");
  expect(lease.take(LEASE_MS)).toBe("wait");
  expect(refill(lease, LEASE_MS, 1)).toBe(4);
  expect(refill(lease, LEASE_MS, 1)).toBe(4);
});

test("[QU1] a pod never holds more than the largest lease, what was asked for included", () => {
  expect(largestLease({ perSecond: 1, burst: 1 })).toBe(1);
  expect(largestLease({ perSecond: 1, burst: 41 })).toBe(20);
  expect(largestLease(rate)).toBe(128);
  const lease = new Lease();
  let held = 0;
  for (let step = 0; step < 20; step += 1) {
    held += refill(lease, step, 1000);
    expect(held).toBeLessThanOrEqual(128);
    while (held > 10 && lease.take(step) === "granted") held -= 1;
  }
});

test("[QU2] an empty bucket is left alone until a second's worth is there, and one question is under way at a time", () => {
  const slow = { perSecond: 10, burst: 100 };
  const lease = new Lease();
  const want = lease.wanted(0, 30, slow);
  expect(want).toBe(30);
  lease.asked(0, want);
  expect(lease.wanted(0, 30, slow)).toBe(0);
  lease.granted(0, { granted: 2, left: 0.5 }, slow);
  expect([lease.take(1), lease.take(1), lease.take(1)]).toEqual(["granted", "granted", "refused"]);
  expect(lease.retryAfterMs(1)).toBe(949);
  expect(lease.wanted(900, 1, slow)).toBe(0);
  expect(lease.take(950)).toBe("wait");
  expect(lease.isIdle(1999)).toBe(false);
  expect(lease.isIdle(2000)).toBe(true);
});
