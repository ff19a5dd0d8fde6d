import { expect, test } from "vitest";
import { WorkLimit } from "./work-limit.ts";

test("[AUT14] jobs run a few at a time, wait in order, and too many are turned away", async () => {
  const limit = new WorkLimit({ maxRunning: 2, maxWaiting: 3 });
  const started: number[] = [];
  const ends = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
  const jobs = ends.map((end, index) =>
    limit.run(async () => {
      started.push(index);
      await end.promise;
      return index;
    }),
  );
  expect(started).toEqual([0, 1]);
  expect(await jobs[5]).toBeUndefined();
  ends[1]?.resolve();
  expect(await jobs[1]).toBe(1);
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2]);
  for (const end of ends) end.resolve();
  expect(await Promise.all(jobs)).toEqual([0, 1, 2, 3, 4, undefined]);
  expect(started).toEqual([0, 1, 2, 3, 4]);
});

test("[AUT14] a job that fails gives its place back", async () => {
  const limit = new WorkLimit({ maxRunning: 1, maxWaiting: 1 });
  await expect(limit.run(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await limit.run(() => Promise.resolve("next"))).toBe("next");
});
