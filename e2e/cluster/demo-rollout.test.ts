import { expect, test } from "vitest";
import { isReplaced, progressLine, type RolledPod } from "./demo-rollout.ts";

function pod(name: string, ready = true, isEnding = false): RolledPod {
  return {
    metadata: { name, ...(isEnding && { deletionTimestamp: "2026-01-01T00:00:00Z" }) },
    status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}

test("what a person sees of the pods", () => {
  const cluster = { status: { connections: 2, draining: [{ pod: "a" }] } };
  expect(progressLine([pod("a"), pod("b", false), pod("c"), pod("d", true, true)], cluster)).toBe(
    "a leaving, b starting, c ready, d ends; 2 connections",
  );
});

test.each([
  ["nothing has happened", [pod("a"), pod("b")], false],
  ["one is left", [pod("b"), pod("c"), pod("d")], false],
  ["the new ones are not ready", [pod("c"), pod("d", false)], false],
  ["one is missing", [pod("c")], false],
  ["all are new and ready", [pod("c"), pod("d")], true],
])("%s", (_, now, replaced) => {
  expect(isReplaced([pod("a"), pod("b")], now)).toBe(replaced);
});
