import { expect, test } from "vitest";
import { ReplicaProcesses } from "./replica-processes.ts";

test("[FN7] a replica counts by its process: asked once, again when it could not be, and anew when something is missing", async () => {
  let nowMs = 0;
  const asked: string[] = [];
  const unknown: string[] = [];
  const answers = new Map([["a:1", "aa"]]);
  const processes = new ReplicaProcesses({
    clock: { nowMs: () => nowMs },
    readRunId: async (address) => {
      asked.push(address);
      const runId = answers.get(address);
      if (runId === undefined) throw new Error("refused");
      return runId;
    },
    onUnknown: (address) => void unknown.push(address),
  });
  const both = ["b:1", "a:1"];
  expect(await processes.runIdsOf(both)).toBe(",aa,");
  expect(await processes.runIdsOf(both)).toBe(",aa,");
  expect(asked).toEqual(["b:1", "a:1"]);
  nowMs = 1_000;
  expect(await processes.runIdsOf(both)).toBe(",aa,");
  expect(unknown).toEqual(["b:1"]);
  answers.set("b:1", "0b");
  nowMs = 2_000;
  expect(await processes.runIdsOf(both)).toBe(",0b,aa,");
  answers.set("a:1", "ac");
  expect(await processes.runIdsOf(both)).toBe(",0b,aa,");
  expect(await processes.learn(both)).toBe(true);
  expect(await processes.runIdsOf(both)).toBe(",0b,ac,");
  answers.clear();
  expect(await processes.learn(both)).toBe(false);
  expect(await processes.runIdsOf([])).toBe(",");
});
