import { expect, test } from "vitest";
import { load, pod } from "../../test/simulation/build.ts";
import { evictionMessage } from "./redis-condition.ts";

test("[ST7] a Redis that may evict keys is told with the fix, from whichever pod says so", () => {
  const fine = pod("a", { load: load(10) });
  const risk = "maxmemory-policy is allkeys-lru, 7 keys were evicted";
  const worried = pod("b", { load: { ...load(10), redisEvicts: risk } });
  expect(evictionMessage([fine])).toBeUndefined();
  expect(evictionMessage([fine, worried, pod("c", { load: undefined })])).toBe(
    "maxmemory-policy is allkeys-lru, 7 keys were evicted: histories and registrations can vanish; set maxmemory-policy to noeviction and give Redis the memory it needs",
  );
});
