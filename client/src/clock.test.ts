import { expect, test } from "vitest";
import { systemClock } from "./clock.ts";

test("a timer runs after the call that set it, and not once it is cancelled", async () => {
  const ran: string[] = [];
  const cancel = systemClock.after(0, () => ran.push("cancelled"));
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.after(0, () => {
    ran.push("kept");
    resolve();
  });
  expect(ran).toEqual([]);
  cancel();
  await promise;
  expect(ran).toEqual(["kept"]);
  expect(() => cancel()).not.toThrow();
});
