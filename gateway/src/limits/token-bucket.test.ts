import { expect, test } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

const rate = { perSecond: 10, burst: 3 };

function taken(bucket: TokenBucket, nowMs: number, tries: number): number {
  return Array.from({ length: tries }, () => bucket.take(nowMs, 1, rate)).filter(Boolean).length;
}

test("[LIM10] a bucket gives its burst at once, then its rate, and never saves up more than the burst", () => {
  const bucket = new TokenBucket();
  expect(taken(bucket, 5000, 9)).toBe(3);
  expect(taken(bucket, 5050, 9)).toBe(0);
  expect(taken(bucket, 5150, 9)).toBe(1);
  expect(taken(bucket, 5300, 9)).toBe(2);
  expect(taken(bucket, 99_000, 9)).toBe(3);
});

test("[LIM10] a changed rate acts on a bucket in use", () => {
  const bucket = new TokenBucket();
  expect(taken(bucket, 0, 9)).toBe(3);
  expect(bucket.take(1000, 5, { perSecond: 5, burst: 5 })).toBe(true);
  expect(bucket.take(1000, 1, { perSecond: 5, burst: 5 })).toBe(false);
});

test("[LIM10] over any second no more than burst and rate get through", () => {
  const bucket = new TokenBucket();
  let count = 0;
  for (let ms = 0; ms <= 1000; ms += 7) count += taken(bucket, ms, 2);
  expect(count).toBeLessThanOrEqual(13);
  expect(count).toBeGreaterThanOrEqual(12);
});
