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

test("[SDK2] a wait that is longer than timers can be does not end at once", async () => {
  const ran: string[] = [];
  const cancels = [2 ** 31, 1e13, Infinity].map((delayMs) =>
    systemClock.after(delayMs, () => ran.push(String(delayMs))),
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.after(20, resolve);
  await promise;
  for (const cancel of cancels) cancel();
  expect(ran).toEqual([]);
});
