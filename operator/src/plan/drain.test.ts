import { expect, test } from "vitest";
import { drainedPod, load, observed, pod, revision, withReport } from "../../test/simulation/build.ts";
import type { DrainSpec } from "../api/v1alpha1/gen/types.ts";
import { drainActions, shareRate } from "./drain.ts";
import type { ObservedPod } from "./observed.ts";

const nowMs = 10_000;

test.each<[string, number, readonly ObservedPod[], readonly number[]]>([
  ["one pod gets everything", 100, [pod("a")], [100]],
  [
    "pods with clients share, the rest of the division goes to the first",
    100,
    [pod("a"), pod("b"), pod("c")],
    [34, 33, 33],
  ],
  ["an empty pod needs none", 100, [pod("a"), pod("b", { load: load(0) })], [100, 1]],
  ["more pods than connections a second: one each", 2, [pod("a"), pod("b"), pod("c")], [1, 1, 1]],
  ["while nothing is known they share", 90, [pod("a", { load: undefined }), pod("b", { load: undefined })], [45, 45]],
])("[RO7] %s", (_name, rate, pods, shares) => {
  expect(shareRate(rate, pods)).toEqual(shares);
});

const gated = (change: Partial<ObservedPod> = {}): ObservedPod =>
  pod("a", { gated: true, inEndpoints: false, outOfEndpointsMs: 1_500, drainReason: "rollout", ...change });

test.each<[string, ObservedPod, number, readonly string[]]>([
  ["gated, out of the endpoints for long enough, and witnessed: begins", gated(), 0, ["begin-drain"]],
  ["the ReplicaSet has not seen the gate: waits", gated(), 1, []],
  ["out of the endpoints for too short a time: waits", gated({ outOfEndpointsMs: 1_499 }), 0, []],
  ["still in the endpoints: waits", gated({ inEndpoints: true }), 0, []],
  ["no process runs: nothing to drain", gated({ running: false }), 0, []],
  ["begun: the request goes out", gated({ drainDeadlineMs: 40_000 }), 0, ["drain"]],
  [
    "accepted: nothing",
    gated({ drainDeadlineMs: 40_000, load: load(5, "draining"), drainSent: { ratePerSecond: 100, term: 4 } }),
    0,
    [],
  ],
  [
    "the rate has changed: again",
    gated({ drainDeadlineMs: 40_000, load: load(5, "draining"), drainSent: { ratePerSecond: 50, term: 4 } }),
    0,
    ["drain"],
  ],
  [
    "another leader now: again",
    gated({ drainDeadlineMs: 40_000, load: load(5, "draining"), drainSent: { ratePerSecond: 100, term: 3 } }),
    0,
    ["drain"],
  ],
  [
    "the pod has restarted and forgotten: again",
    gated({ drainDeadlineMs: 40_000, load: load(0), drainSent: { ratePerSecond: 1, term: 4 } }),
    0,
    ["drain"],
  ],
  ["drained: nothing", drainedPod("a"), 0, []],
])("[RO8] %s", (_name, only, unseenGates, types) => {
  const fullyLabeledReplicas = only.gated ? unseenGates : 1;
  const state = observed([revision("old", [only], { replicaSet: { fullyLabeledReplicas } })]);
  expect(drainActions(state, nowMs).map(({ type }) => type)).toEqual(types);
});

const late = gated({ drainDeadlineMs: 5_000, load: load(5, "draining"), drainSent: { ratePerSecond: 100, term: 4 } });
const aborted = gated({
  drainDeadlineMs: 5_000,
  load: withReport(load(5, "serving"), "aborted"),
  drainSent: { ratePerSecond: 100, term: 4, policy: "Abort" },
});

test.each<[string, ObservedPod, DrainSpec["policy"], readonly string[]]>([
  ["the policy has changed: again", late, "Wait", ["drain"]],
  ["at the deadline of Abort, before it was heard that the pod gave up: nothing", late, "Abort", []],
  ["given up: nothing while the policy is Abort", aborted, "Abort", []],
  ["given up: another policy begins anew, with a deadline of its own", aborted, "Wait", ["begin-drain"]],
  ["begun anew: the request goes out", { ...aborted, drainDeadlineMs: 40_000 }, "Wait", ["drain"]],
])("[RO11] %s", (_name, only, policy, types) => {
  const { drain } = observed([]).cluster.spec;
  const state = observed([revision("old", [only])], { spec: { drain: { ...drain, policy } } });
  expect(drainActions(state, nowMs).map(({ type }) => type)).toEqual(types);
});

test("[RO10] a pod whose gate is open and that still drains is told to stop, with the term", () => {
  const open = [pod("a", { load: load(5, "draining") }), pod("b", { load: load(0, "drained") }), pod("c")];
  expect(drainActions(observed([revision("now", open)]), nowMs)).toEqual(
    ["a", "b"].map((name) => ({
      type: "cancel-drain",
      pod: { name, uid: name, ip: "198.18.0.1" },
      request: { term: 4, cancel: true },
    })),
  );
});

test("[RO8] a request carries the time that is left, the share of the rate, the term and the reason", () => {
  const state = observed([revision("old", [gated({ drainDeadlineMs: 40_000 })])]);
  expect(drainActions(state, nowMs)).toEqual([
    {
      type: "drain",
      pod: { name: "a", uid: "a", ip: "198.18.0.1" },
      request: { term: 4, deadlineSeconds: 30, ratePerSecond: 100, reason: "rollout" },
    },
  ]);
});
