import type { RedisReport } from "@belay/protocol/control";
import { expect, test } from "vitest";
import type { RealtimeClusterStatus } from "../api/v1alpha1/gen/types.ts";
import { load, observed, pod, revision } from "../../test/simulation/build.ts";
import { SimulatedCluster } from "../../test/simulation/simulated-cluster.ts";
import { eventsBetween } from "./events.ts";
import type { ObservedPod } from "./observed.ts";
import { podsCutOff, podToReplace, redisReady, REPLACE_AFTER_SECONDS, replaceActions } from "./redis.ts";
import { chooseVictims } from "./victims.ts";

function way(problem: string, troubleSeconds: number): RedisReport {
  return { probe: { rounds: 9, failures: 1, rebuilds: 1 }, problem, troubleSeconds };
}

function cutOff(name: string, seconds: number, change: Partial<ObservedPod> = {}): ObservedPod {
  const report = { ...load(10), brokerConnected: false, redis: way("Redis is not reached", seconds) };
  return pod(name, { load: report, ...change });
}

const deaf = pod("deaf", { load: { ...load(10), redis: way("nothing arrives", REPLACE_AFTER_SECONDS) } });
const well = pod("well", { load: { ...load(10), redis: way("", 0) } });
const long = cutOff("long", REPLACE_AFTER_SECONDS);

test.each<[string, readonly ObservedPod[], string, string]>([
  ["everybody reaches it", [well, pod("b")], "Connected", "2 pods reach Redis"],
  [
    "nobody does",
    [long, cutOff("b", 3)],
    "Unreachable",
    "it is Redis or the way to it; pods stay up and keep their clients",
  ],
  ["the only pod does not", [long], "Unreachable", "1 of 1 pods are cut off from Redis (long): Redis is not reached"],
  [
    "one of two does not",
    [long, well],
    "PodsCutOff",
    "it is replaced by the ordinary drain when it was cut off for 60 s",
  ],
  ["nothing arrives at one of two", [deaf, well], "PodsCutOff", "(deaf): nothing arrives"],
  ["two of three do not", [long, deaf, well], "PodsCutOff", "none is replaced while more than one is cut off"],
  ["nobody has reported", [pod("a", { load: undefined })], "NoReport", "no gateway pod has reported yet"],
  [
    "a gateway without the report does not",
    [pod("old", { load: { ...load(1), brokerConnected: false } })],
    "Unreachable",
    "the managed Redis",
  ],
])("[RD1] RedisReady when %s", (_title, pods, reason, message) => {
  const judgement = redisReady(observed([revision("now", pods)]));
  expect(judgement.reason).toBe(reason);
  expect(judgement.message).toContain(message);
});

test.each<[string, readonly ObservedPod[], string | undefined]>([
  ["one for long, the others not", [long, well, pod("c")], "long"],
  ["nothing arrives at one for long", [deaf, well], "deaf"],
  ["not for long enough", [cutOff("a", REPLACE_AFTER_SECONDS - 1), well], undefined],
  ["another one too, for a moment", [long, cutOff("b", 1), well], undefined],
  ["all of them", [long, cutOff("b", 99)], undefined],
  ["nobody to compare with", [long], undefined],
  ["the others do not report", [long, pod("b", { load: undefined })], undefined],
  ["it is being drained already", [{ ...long, gated: true }, well], undefined],
  ["another pod is being drained", [long, { ...well, gated: true }, pod("c")], undefined],
  [
    "of an older image that reports no time",
    [pod("old", { load: { ...load(1), brokerConnected: false } }), well],
    undefined,
  ],
])("[RD3] whom to replace: %s", (_title, pods, name) => {
  const now = revision("now", pods);
  expect(podToReplace(observed([now]), now)?.name).toBe(name);
});

test("[RD3] nobody is replaced for Redis during a rollout", () => {
  const now = revision("now", [long, well]);
  expect(podToReplace(observed([now, revision("next", [pod("n")])]), now)).toBeUndefined();
});

test.each<[string, readonly ObservedPod[], boolean]>([
  ["as many good ones as are desired", [long, well, pod("c")], true],
  ["one is missing", [long, well], false],
  ["one is not ready", [long, well, pod("c", { ready: false })], false],
  ["one is not in the endpoints yet", [long, well, pod("c", { inEndpoints: false })], false],
  ["one does not report", [long, well, pod("c", { load: undefined })], false],
])("[RD2] the gate is closed when %s", (_title, pods, isGated) => {
  const gate = { type: "gate", pod: { name: "long", uid: "long" }, reason: "unhealthy" };
  expect(replaceActions(revision("now", pods), long, 2)).toEqual(isGated ? [gate] : []);
});

test("[RD4] the status names who is cut off, and what each says", () => {
  expect(podsCutOff(observed([revision("now", [well, long, deaf])]))).toEqual([
    { pod: "deaf", problem: "nothing arrives" },
    { pod: "long", problem: "Redis is not reached" },
  ]);
});

function judged(pods: readonly ObservedPod[]): RealtimeClusterStatus {
  const { type, status, reason, message } = redisReady(observed([revision("now", pods)]));
  return { conditions: [{ type, status, reason, message, observedGeneration: 1, lastTransitionTime: "" }] };
}

test("[RD4] Events tell when Redis is lost, by some or by all, and when it is back, once each", () => {
  const steps = [[well], [well, long], [well, long], [long], [well]].map(judged);
  const reasons = steps
    .slice(1)
    .map((after, index) => eventsBetween(steps[index] ?? {}, after).map(({ reason }) => reason));
  expect(reasons).toEqual([["RedisPodsCutOff"], [], ["RedisUnreachable"], ["RedisReached"]]);
});

test("[RD5] a decrease takes pods that are cut off before emptier ones", () => {
  const order = chooseVictims([pod("empty", { load: load(0) }), long, pod("unready", { ready: false })], 3);
  expect(order.map(({ name }) => name)).toEqual(["unready", "long", "empty"]);
});

/** Everything catches up with everything; calls `look` after each quarter of a second. */
function run(cluster: SimulatedCluster, seconds: number, look: () => void = () => undefined): void {
  for (let quarter = 0; quarter < seconds * 4; quarter += 1) {
    cluster.deploymentController();
    cluster.replicaSetInformer();
    cluster.replicaSetController();
    cluster.replicaSetInformer();
    cluster.kubelet();
    cluster.endpointController();
    cluster.syncAll();
    cluster.pass();
    cluster.advance(250);
    look();
  }
}

function started(): SimulatedCluster {
  const cluster = new SimulatedCluster(3);
  run(cluster, 5);
  cluster.connect(90);
  return cluster;
}

test("[RD2] the one bad pod leaves by the ordinary drain, after its replacement has come", () => {
  const cluster = started();
  const [bad] = cluster.pods;
  cluster.cutOff(0);
  let fewest = Number.POSITIVE_INFINITY;
  run(cluster, 50, () => (fewest = Math.min(fewest, cluster.open.length)));
  expect(cluster.pods).toHaveLength(3);
  const isGood = ({ ready, uid }: (typeof cluster.open)[number]): boolean => ready && uid !== bad?.uid;
  let goodAtGate: number | undefined;
  run(cluster, 60, () => {
    fewest = Math.min(fewest, cluster.open.length);
    if (bad?.gated === true) goodAtGate ??= cluster.open.filter(isGood).length;
  });
  expect(cluster.pods.map(({ uid }) => uid)).not.toContain(bad?.uid);
  expect([cluster.pods.length, fewest, goodAtGate]).toEqual([3, 3, 3]);
  expect(bad).toMatchObject({ reason: "unhealthy", connections: 0, closed: 30, forced: 0 });
  expect(cluster.violations).toEqual([]);
  expect(cluster.status).toMatchObject({ phase: "Ready" });
  expect(cluster.status.podsCutOff).toBeUndefined();
});

test("[RD1] [RD3] when all pods are cut off none is gated, none is added, and the condition says that it is Redis", () => {
  const cluster = started();
  const before = cluster.pods.map(({ uid }) => uid);
  for (const index of [0, 1, 2]) cluster.cutOff(index);
  run(cluster, 120);
  expect(cluster.pods.map(({ uid, ready, gated }) => ({ uid, ready, gated }))).toEqual(
    before.map((uid) => ({ uid, ready: true, gated: false })),
  );
  expect(cluster.status.conditions).toContainEqual(
    expect.objectContaining({ type: "RedisReady", status: "False", reason: "Unreachable" }),
  );
  cluster.mendAll();
  run(cluster, 1);
  expect(cluster.status.conditions).toContainEqual(expect.objectContaining({ type: "RedisReady", status: "True" }));
});
