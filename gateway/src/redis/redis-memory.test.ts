import { expect, test } from "vitest";
import { RedisMemoryReports } from "./redis-memory.ts";

function info(run: string, policy: string, limitBytes: number, evicted = 0): string {
  return [
    `run_id:${run}`,
    `maxmemory:${limitBytes}`,
    `maxmemory_policy:${policy}`,
    `evicted_keys:${evicted}`,
    "maxmemory_human:x",
  ].join("\r\n");
}

test("[FN3] of several servers each that may evict is told, whichever spoke last, until it may not any more or is gone", () => {
  const reports = new RedisMemoryReports();
  expect(reports.evictionRisk).toBeUndefined();
  reports.note(info("one", "noeviction", 1_000), 0);
  reports.note(info("two", "allkeys-lru", 1_000, 7), 1);
  reports.note(info("three", "allkeys-lru", 0), 2);
  reports.note(info("one", "noeviction", 1_000), 1_000);
  expect(reports.evictionRisk).toBe("maxmemory-policy is allkeys-lru, 7 keys were evicted");
  reports.note(info("one", "volatile-ttl", 1_000), 2_000);
  expect(reports.evictionRisk).toMatch(/ \(and 1 more\)$/);
  reports.note(info("one", "noeviction", 1_000), 5_000);
  expect(reports.evictionRisk).toMatch(/7 keys were evicted$/);
  reports.note(info("one", "noeviction", 1_000), 20_000);
  expect(reports.evictionRisk).toBeUndefined();
});
