import { expect, test } from "vitest";
import { drainedPod, load, pod, revision } from "../../test/simulation/build.ts";
import type { ObservedPod, ObservedReplicaSet } from "./observed.ts";
import type { Removal } from "./pods.ts";
import { lowerActions, raiseActions } from "./scale.ts";
import { chooseVictims } from "./victims.ts";

const removal: Removal = { policy: "ForceClose", nowMs: 10_000, recorded: new Set(["p"]) };

test.each<[string, readonly ObservedPod[], Partial<ObservedReplicaSet>, boolean]>([
  ["everything witnessed", [drainedPod("p"), pod("q")], {}, true],
  [
    "another pod is not ready, but the drained one neither, at a lower cost",
    [drainedPod("p"), pod("q", { ready: false })],
    {},
    true,
  ],
  ["the controller has not seen the gate", [drainedPod("p"), pod("q")], { fullyLabeledReplicas: 2 }, false],
  [
    "the controller has not seen the drained pod turn not ready",
    [drainedPod("p"), pod("q")],
    { readyReplicas: 2 },
    false,
  ],
  ["the controller counts another number of pods", [drainedPod("p"), pod("q")], { statusReplicas: 3 }, false],
  ["the controller has not seen its latest spec", [drainedPod("p"), pod("q")], { settled: false }, false],
  ["the controller is still carrying out another number", [drainedPod("p"), pod("q")], { specReplicas: 3 }, false],
  ["the drained pod is still seen ready", [drainedPod("p", { ready: true }), pod("q")], {}, false],
  [
    "a pod is pending: it would go first",
    [drainedPod("p"), pod("q", { phase: "Pending", running: false, ready: false })],
    {},
    false,
  ],
  [
    "another pod turned ready a moment ago: the controller may still believe the opposite of both",
    [drainedPod("p"), pod("q", { readinessSteadyMs: 4_999 })],
    {},
    false,
  ],
  ["clients are left", [drainedPod("p", { load: load(1, "draining") }), pod("q")], {}, false],
  ["its load is unknown", [drainedPod("p", { load: undefined }), pod("q")], {}, false],
  ["unknown, but past its deadline", [drainedPod("p", { load: undefined, drainDeadlineMs: -1 }), pod("q")], {}, true],
  [
    "past its deadline and still ready, everybody else ready",
    [drainedPod("p", { ready: true, drainDeadlineMs: -1 }), pod("q")],
    {},
    true,
  ],
  [
    "past its deadline and still ready, another is not ready: that one would go",
    [drainedPod("p", { ready: true, drainDeadlineMs: -1 }), pod("q", { ready: false })],
    {},
    false,
  ],
  ["its end is not in the stored status", [drainedPod("x"), pod("q")], {}, false],
  [
    "one of the batch is not drained",
    [drainedPod("p"), drainedPod("r", { load: load(3, "draining") }), pod("q")],
    {},
    false,
  ],
])("[SC4] %s", (_name, pods, replicaSet, isLowered) => {
  const actions = lowerActions(revision("now", pods, { replicaSet }), 1, removal, false);
  const expected = { type: "scale", deployment: "chat-now", from: pods.length, to: pods.length - 1 };
  expect(actions).toEqual(isLowered ? [expected] : []);
});

test("[SC1] first pods whose process does not run, then unready ones, then the emptiest; names decide between equals", () => {
  const pods = [
    pod("full", { load: load(90) }),
    pod("b-empty", { load: load(0) }),
    pod("a-empty", { load: load(0) }),
    pod("unknown", { load: undefined }),
    pod("unready", { ready: false, load: load(50) }),
    pod("pending", { running: false, ready: false, phase: "Pending", load: undefined }),
  ];
  const order = chooseVictims(pods, 6).map(({ name }) => name);
  expect(order).toEqual(["pending", "unready", "a-empty", "b-empty", "full", "unknown"]);
  expect(chooseVictims(pods, 0)).toEqual([]);
  expect(chooseVictims(pods, -3)).toEqual([]);
});

test("[SC1] a decrease gates exactly the surplus, and never the last endpoint", () => {
  const two = revision("now", [pod("a", { load: load(3) }), pod("b", { load: load(1) })]);
  expect(lowerActions(two, 1, removal, false)).toEqual([
    { type: "gate", pod: { name: "b", uid: "b" }, reason: "scale-down" },
  ]);
  const onlyOneReachable = revision("now", [
    pod("a", { load: load(0) }),
    pod("b", { inEndpoints: false, load: load(9) }),
  ]);
  expect(lowerActions(onlyOneReachable, 1, removal, false)).toEqual([]);
  expect(lowerActions(two, 0, removal, false)).toHaveLength(2);
});

test("[SC3] while a rollout runs no batch begins, but one that has begun is finished", () => {
  expect(lowerActions(revision("now", [pod("a"), pod("b")]), 1, removal, true)).toEqual([]);
  expect(lowerActions(revision("now", [drainedPod("p"), pod("b")]), 1, removal, true)).toHaveLength(1);
});

test.each<[string, readonly ObservedPod[], Partial<ObservedReplicaSet>, number | undefined]>([
  ["as many as desired: nothing", [pod("a"), pod("b")], {}, undefined],
  ["too few: up to the desired number", [pod("a")], {}, 2],
  ["a pod that is leaving keeps its place", [pod("a"), drainedPod("p")], {}, 3],
  [
    "while the controller has not settled, only up to the desired number",
    [pod("a"), drainedPod("p")],
    { statusReplicas: 1 },
    undefined,
  ],
])("[SC5] %s", (_name, pods, replicaSet, to) => {
  const actions = raiseActions(revision("now", pods, { replicaSet }), 2);
  expect(actions).toEqual(to === undefined ? [] : [{ type: "scale", deployment: "chat-now", from: pods.length, to }]);
});
