import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { SimulatedCluster } from "../../test/simulation/simulated-cluster.ts";

/** Everything catches up with everything, again and again, until nothing is left to do. */
function settle(cluster: SimulatedCluster, seconds: number, isDone: () => boolean = () => false): void {
  for (let quarter = 0; quarter < seconds * 4 && !isDone(); quarter++) {
    cluster.deploymentController();
    cluster.replicaSetInformer();
    cluster.replicaSetController();
    cluster.replicaSetInformer();
    cluster.replicaSetController();
    cluster.kubelet();
    cluster.endpointController();
    cluster.syncAll();
    cluster.pass();
    cluster.advance(250);
  }
}

function started(replicas: number, clients: number): SimulatedCluster {
  const cluster = new SimulatedCluster(replicas);
  settle(cluster, 5);
  cluster.connect(clients);
  settle(cluster, 1);
  return cluster;
}

function isQuiet(cluster: SimulatedCluster): boolean {
  return cluster.status.phase === "Ready" && cluster.pods.length === cluster.desired && cluster.deployments.size === 1;
}

function expectComplete(cluster: SimulatedCluster): void {
  expect([...cluster.deployments.values()]).toEqual([{ replicas: cluster.desired, paused: true }]);
  expect(cluster.open).toHaveLength(cluster.desired);
  expect(cluster.pods).toHaveLength(cluster.desired);
  expect(cluster.status).toMatchObject({ phase: "Ready", replicas: cluster.desired, readyReplicas: cluster.desired });
  expect(cluster.status.draining).toBeUndefined();
}

test("[RO1] [RO4] a rollout replaces every pod, moves every client once, and proves it", () => {
  const cluster = started(3, 90);
  const before = cluster.pods.map(({ uid }) => uid);
  cluster.setSpec({ image: "gateway:2" });
  settle(cluster, 40);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
  expect(cluster.pods.some(({ uid }) => before.includes(uid))).toBe(false);
  expect(cluster.status.lastRollout).toMatchObject({ podsReplaced: 3, closed: 90, forced: 0, killedUndrained: 0 });
});

test("[RO2] a new spec in the middle retargets the rollout; back to the first revision works too", () => {
  const cluster = started(3, 90);
  cluster.setSpec({ image: "gateway:2" });
  settle(cluster, 4);
  cluster.setSpec({ image: "gateway:3" });
  settle(cluster, 4);
  cluster.setSpec({ image: "gateway:1" });
  settle(cluster, 60);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
});

test("[RO10] a rollout that is taken back while old pods drain opens their gates again: they keep their clients, and none is counted as killed", () => {
  const cluster = started(3, 3000);
  const before = cluster.pods.map(({ uid }) => uid);
  cluster.setSpec({ image: "gateway:2" });
  settle(cluster, 40, () => cluster.pods.filter(({ drain }) => drain === "draining").length === 3);
  settle(cluster, 4);
  cluster.setSpec({ image: "gateway:1" });
  settle(cluster, 90, () => isQuiet(cluster));
  settle(cluster, 1);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
  expect(cluster.pods.map(({ uid }) => uid).toSorted()).toEqual(before.toSorted());
  expect(cluster.pods.every(({ drain, deadlineMs }) => drain === "serving" && deadlineMs === undefined)).toBe(true);
  expect(cluster.status.lastRollout).toMatchObject({ killedUndrained: 0, podsReplaced: 3 });
});

test("[RO11] with Wait a pod that is not empty stays, however long it takes", () => {
  const cluster = started(2, 800);
  cluster.setSpec({ image: "gateway:2", policy: "Wait" });
  settle(cluster, 6);
  cluster.freeze(0, true);
  settle(cluster, 200);
  expect([cluster.deployments.size, cluster.pods.length]).toEqual([2, 4]);
  cluster.thawAll();
  settle(cluster, 60);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
});

test("[RO3] a pod that hangs while it drains holds the removal up until its deadline, and is not killed before", () => {
  const cluster = started(2, 400);
  cluster.setSpec({ image: "gateway:2" });
  settle(cluster, 4);
  cluster.freeze(0, true);
  settle(cluster, 15);
  expect(cluster.deployments.size).toBe(2);
  settle(cluster, 40);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
});

test("[SC1] a decrease drains the emptiest pods, keeps the rest untouched, and counts what it did", () => {
  const cluster = started(4, 40);
  Object.assign(cluster.pods[3] ?? {}, { connections: 2 });
  cluster.setSpec({ replicas: 3 });
  settle(cluster, 20);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
  expect(cluster.status.lastScaleDown).toMatchObject({ podsRemoved: 1, closed: 2, killedUndrained: 0 });
});

test("[SC2] to 0 and back", () => {
  const cluster = started(2, 20);
  cluster.setSpec({ replicas: 0 });
  settle(cluster, 40);
  expectComplete(cluster);
  cluster.setSpec({ replicas: 2 });
  settle(cluster, 20);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
});

test("[SC3] a decrease waits while a rollout runs, an increase does not", () => {
  const cluster = started(3, 90);
  cluster.setSpec({ image: "gateway:2", replicas: 2 });
  settle(cluster, 3);
  cluster.setSpec({ replicas: 4 });
  settle(cluster, 2);
  expect(cluster.open.length).toBeGreaterThanOrEqual(4);
  cluster.setSpec({ replicas: 1 });
  settle(cluster, 90);
  expectComplete(cluster);
  expect(cluster.violations).toEqual([]);
});

test("[RO5] a pod that is taken away in the middle is counted as killed undrained, once", () => {
  const cluster = started(3, 90);
  cluster.setSpec({ image: "gateway:2" });
  settle(cluster, 4);
  cluster.takePod(0);
  settle(cluster, 60);
  expectComplete(cluster);
  expect(cluster.status.lastRollout).toMatchObject({ killedUndrained: 1 });
});

interface Step {
  (cluster: SimulatedCluster): void;
}

/** Counterexamples name their steps. */
function step(name: string, run: (cluster: SimulatedCluster) => void): Step {
  return Object.assign(run, { [fc.toStringMethod]: () => name });
}

function withNumber(
  name: string,
  numbers: fc.Arbitrary<number>,
  run: (cluster: SimulatedCluster, value: number) => void,
): fc.Arbitrary<Step> {
  return numbers.map((value) => step(`${name} ${value}`, (cluster) => run(cluster, value)));
}

const kinds = ["deployments", "replicaSets", "pods", "service", "endpoints"] as const;
const always = [
  step("deploymentController", (c) => c.deploymentController()),
  step("replicaSetInformer", (c) => c.replicaSetInformer()),
  step("replicaSetController", (c) => c.replicaSetController()),
  step("kubelet", (c) => c.kubelet()),
  step("endpointController", (c) => c.endpointController()),
  step("pass", (c) => c.pass()),
  step("pass", (c) => c.pass()),
  ...kinds.map((kind) => step(`sync ${kind}`, (c) => c.sync(kind))),
];
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: fc.constantFrom(...always) },
  { weight: 8, arbitrary: withNumber("advance", fc.integer({ min: 50, max: 3_000 }), (c, ms) => c.advance(ms)) },
  { weight: 2, arbitrary: withNumber("pass, cut after", fc.nat(6), (c, cut) => c.pass(cut)) },
  { weight: 1, arbitrary: withNumber("image", fc.nat(2), (c, image) => c.setSpec({ image: `gateway:${image}` })) },
  { weight: 1, arbitrary: withNumber("replicas", fc.nat(5), (c, replicas) => c.setSpec({ replicas })) },
  { weight: 1, arbitrary: fc.constant(step("Wait", (c) => c.setSpec({ policy: "Wait" }))) },
  { weight: 1, arbitrary: fc.constant(step("ForceClose", (c) => c.setSpec({ policy: "ForceClose" }))) },
  { weight: 1, arbitrary: withNumber("crash pod", fc.nat(9), (c, index) => c.crashPod(index)) },
  { weight: 1, arbitrary: withNumber("take pod", fc.nat(9), (c, index) => c.takePod(index)) },
  { weight: 1, arbitrary: withNumber("freeze pod", fc.nat(9), (c, index) => c.freeze(index, true)) },
  { weight: 1, arbitrary: fc.constant(step("thaw all", (c) => c.thawAll())) },
  { weight: 1, arbitrary: withNumber("cut off pod", fc.nat(9), (c, index) => c.cutOff(index)) },
  { weight: 1, arbitrary: fc.constant(step("mend all", (c) => c.mendAll())) },
  { weight: 1, arbitrary: fc.constant(step("advance 40,000", (c) => c.advance(40_000))) },
);

prop.prop([fc.integer({ min: 1, max: 4 }), fc.array(steps, { minLength: 20, maxLength: 160 })], {
  numRuns: 150,
})(
  "[RO6] whatever lags, crashes or vanishes, in whatever order: no occupied pod is removed before its drain ended or its deadline passed, the last endpoint is never gated, and it always ends complete",
  (replicas, all) => {
    const cluster = started(replicas, replicas * 20);
    for (const each of all) {
      each(cluster);
      expect(cluster.violations).toEqual([]);
    }
    cluster.thawAll();
    cluster.mendAll();
    settle(cluster, 1);
    settle(cluster, 300, () => isQuiet(cluster));
    settle(cluster, 1);
    expect(cluster.violations).toEqual([]);
    expectComplete(cluster);
  },
  600_000,
);

/** Few pods, one decrease, and a controller whose watch comes rarely: what the witnesses are for. */
const decreaseSteps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.constantFrom(
      step("pass", (c) => c.pass()),
      step("pass", (c) => c.pass()),
      step("sync all", (c) => c.syncAll()),
      step("sync pods", (c) => c.sync("pods")),
      step("kubelet", (c) => c.kubelet()),
      step("endpointController", (c) => c.endpointController()),
      step("deploymentController", (c) => c.deploymentController()),
      step("replicaSetController", (c) => c.replicaSetController()),
    ),
  },
  { weight: 2, arbitrary: fc.constant(step("replicaSetInformer", (c) => c.replicaSetInformer())) },
  { weight: 6, arbitrary: withNumber("advance", fc.integer({ min: 300, max: 2_000 }), (c, ms) => c.advance(ms)) },
  { weight: 1, arbitrary: withNumber("freeze pod", fc.nat(3), (c, index) => c.freeze(index, true)) },
  { weight: 1, arbitrary: fc.constant(step("thaw all", (c) => c.thawAll())) },
  { weight: 1, arbitrary: withNumber("take pod", fc.nat(3), (c, index) => c.takePod(index)) },
);

prop.prop([fc.integer({ min: 1, max: 2 }), fc.array(decreaseSteps, { minLength: 60, maxLength: 160 })], {
  numRuns: 150,
})(
  "[SC4] a decrease removes exactly the drained pods, however late the ReplicaSet's controller sees gates and readiness",
  (replicas, all) => {
    const cluster = started(3, 9);
    cluster.setSpec({ replicas });
    for (const each of all) {
      each(cluster);
      expect(cluster.violations).toEqual([]);
    }
    cluster.thawAll();
    settle(cluster, 1);
    settle(cluster, 300, () => isQuiet(cluster));
    expect(cluster.violations).toEqual([]);
  },
  600_000,
);
