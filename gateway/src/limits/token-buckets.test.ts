import { expect, test } from "vitest";
import { siteOf } from "../access/networks.ts";
import { TokenBuckets } from "./token-buckets.ts";

const rate = { perSecond: 1, burst: 2 };

test("[LIM19] buckets are bounded: full ones go, and beyond the most the oldest", () => {
  const buckets = new TokenBuckets(100);
  for (let name = 0; name < 1000; name += 1) {
    buckets.take(String(name), 0, rate);
    expect(buckets.size).toBeLessThanOrEqual(100);
  }
  // Those that are empty stay while there is room.
  expect([1, 2, 3].map(() => buckets.take("999", 0, rate))).toEqual([true, false, false]);
  for (let name = 0; name < 100; name += 1) buckets.take(`later ${name}`, 100_000 + name * 100_000, rate);
  expect(buckets.size).toBeLessThan(50);
});

test("[LIM19] an IPv6 address counts as its /64, any other as itself", () => {
  expect(siteOf("10.1.2.3")).toBe("10.1.2.3");
  expect(siteOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2");
  expect(siteOf("2001:0db8:0001:0002::1")).toBe("2001:db8:1:2");
  expect(siteOf("2001:db8::1")).toBe("2001:db8:0:0");
  expect(siteOf("::1")).toBe("0:0:0:0");
  expect(siteOf("64:ff9b::10.0.0.1")).toBe("64:ff9b:0:0");
  expect(siteOf("unknown")).toBe("unknown");
});
