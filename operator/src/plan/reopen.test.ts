import { expect, test } from "vitest";
import { drainedPod, load, pod, revision } from "../../test/simulation/build.ts";
import type { ObservedPod } from "./observed.ts";
import { reopenActions } from "./reopen.ts";

const nowMs = 10_000;
const leaving = (name: string, connections: number, change: Partial<ObservedPod> = {}): ObservedPod =>
  pod(name, {
    gated: true,
    drainReason: "rollout",
    drainDeadlineMs: 40_000,
    load: load(connections, "draining"),
    ...change,
  });
const older = (): ObservedPod["load"] => {
  const { drain, ...report } = load(5, "draining");
  const { moved: _moved, ...counts } = drain;
  return { ...report, drain: counts };
};

test.each<[string, readonly ObservedPod[], number, readonly string[]]>([
  ["the fullest come back first, as many as are missing", [pod("a"), leaving("b", 3), leaving("c", 9)], 2, ["c"]],
  ["all that are missing", [leaving("b", 3), leaving("c", 9)], 3, ["c", "b"]],
  ["nobody is missing", [pod("a"), leaving("b", 3)], 1, []],
  ["one that was gated and not asked yet", [leaving("b", 3, { drainDeadlineMs: undefined, load: load(3) })], 1, ["b"]],
  ["one that is empty is not worth it", [drainedPod("b", { drainReason: "rollout" })], 1, []],
  ["one behind its deadline may be on its way out", [leaving("b", 3, { drainDeadlineMs: nowMs })], 1, []],
  ["one that is replaced because it is cut off", [leaving("b", 3, { drainReason: "unhealthy" })], 1, []],
  ["one that does not answer", [leaving("b", 3, { load: undefined })], 1, []],
  ["one whose gateway cannot take a drain back", [leaving("b", 3, { load: older() })], 1, []],
])("[RO10] %s", (_name, pods, desired, names) => {
  const expected = names.map((name) => ({ type: "reopen", pod: { name, uid: name } }));
  expect(reopenActions(revision("now", pods), desired, nowMs)).toEqual(expected);
});
