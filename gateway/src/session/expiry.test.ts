import { expect, test } from "vitest";
import { secondsUntil } from "./expiry.ts";

const clock = { date: (): Date => new Date(1_000_000) };

test.each([
  [1000, 1],
  [999, 1],
  [1000.2, 1],
  [1001.2, 2],
  [1600, 600],
  [253_402_300_799, 2_147_483_647],
])("[AUT4] of a token that ends at %d the client hears a ttl of %d", (expiresAt, ttl) => {
  expect(secondsUntil(expiresAt, clock)).toBe(ttl);
});
