/**
 * The parts of Kubernetes that the plan leans on, with what makes them hard: every cache lags on its own, controllers act on what
 * they have seen, pods crash, hang and vanish, and the operator dies between two writes.
 */
import type { RealtimeCluster } from "../../src/api/v1alpha1/realtime-cluster.ts";
import type { DrainRequest } from "@belay/protocol/control";
import { desiredReplicas } from "../../src/api/v1alpha1/defaults.ts";
import type { Action } from "../../src/plan/actions.ts";
import type { DrainSent, Observed, ObservedPod } from "../../src/plan/observed.ts";
import { plan } from "../../src/plan/plan.ts";
import { type Caches, type Deployment, observeRevision, type ReplicaSet, type View } from "./simulated-view.ts";
import { observed } from "./build.ts";
import { cancelDrain, drainFor, newPod, rank, reopen, shouldBeReady, type SimulatedPod } from "./simulated-pod.ts";
import { type SimulatedSpec, specOf } from "./simulated-spec.ts";

const installation = { gatewayImage: "gateway:1", redisImage: "redis:1", operatorNamespace: "belay-system" };

/** Several times what was measured. */
const MAX_LAG_MS = 4_000;

export class SimulatedCluster {
  nowMs = 1_800_000_000_000;
  /** Broken promises. */
  readonly violations: string[] = [];
  /** Pods that the environment took away before their drain had ended. */
  taken = 0;
  crashes = 0;
  status: RealtimeCluster["status"] = {};
  #spec: SimulatedSpec;
  readonly #deployments = new Map<string, Deployment>();
  readonly #replicaSets = new Map<string, ReplicaSet>();
  #pods: SimulatedPod[] = [];
  #service: string | undefined;
  #endpoints = new Set<string>();
  #caches: Caches;
  /** In the operator's memory only. */
  #steady: View["steady"] = new Map();
  #sent = new Map<string, DrainSent>();
  #term = 1;
  #count = 0;
  #informedMs = 0;
  #syncedMs = 0;

  constructor(replicas: number) {
    this.#spec = { image: "gateway:1", replicas, policy: "ForceClose" };
    this.#caches = this.#copyAll();
  }

  // What a test does to it

  setSpec(change: Partial<SimulatedSpec>): void {
    this.#spec = { ...this.#spec, ...change };
  }

  connect(clients: number): void {
    for (let client = 0; client < clients; client++) this.#reconnect();
  }

  get pods(): readonly SimulatedPod[] {
    return this.#pods;
  }

  get open(): readonly SimulatedPod[] {
    return this.#pods.filter(({ gated, terminating }) => !gated && !terminating);
  }

  get deployments(): ReadonlyMap<string, { readonly replicas: number }> {
    return this.#deployments;
  }

  get desired(): number {
    return this.#spec.replicas;
  }

  freeze(index: number, frozen: boolean): void {
    const pod = this.#pods[index % Math.max(1, this.#pods.length)];
    if (pod !== undefined) pod.frozen = frozen;
  }

  thawAll(): void {
    for (const pod of this.#pods) pod.frozen = false;
  }

  /** Only the way to Redis is gone. */
  cutOff(index: number): void {
    const pod = this.#pods[index % Math.max(1, this.#pods.length)];
    if (pod !== undefined) pod.cutOffSinceMs ??= this.nowMs;
  }

  mendAll(): void {
    for (const pod of this.#pods) pod.cutOffSinceMs = undefined;
  }

  /** The container ends and starts again: its clients are gone, no thanks to the operator. */
  crashPod(index: number): void {
    const pod = this.#pods[index % Math.max(1, this.#pods.length)];
    if (pod === undefined || !pod.running) return;
    Object.assign(pod, { running: false, ready: false, connections: 0, drain: "serving", closed: 0, forced: 0 });
  }

  /** Evicted, or deleted by hand. */
  takePod(index: number): void {
    const pod = this.#pods[index % Math.max(1, this.#pods.length)];
    if (pod === undefined || pod.terminating) return;
    pod.terminating = true;
    this.taken += 1;
  }

  crashOperator(): void {
    this.crashes += 1;
    this.#steady = new Map();
    this.#sent = new Map();
    this.#term += 1;
    // The standby's watches have had the seconds of a take-over to catch up.
    this.#caches = this.#copyAll();
  }

  // Kubernetes

  /** Copies one kind into the operator's cache. */
  sync(kind: keyof Caches): void {
    if (kind === "pods") this.#syncedMs = this.nowMs;
    const all = this.#copyAll();
    this.#caches = { ...this.#caches, [kind]: all[kind] };
  }

  syncAll(): void {
    this.#syncedMs = this.nowMs;
    this.#caches = this.#copyAll();
  }

  deploymentController(): void {
    for (const [hash, { replicas }] of this.#deployments) {
      const replicaSet = this.#replicaSets.get(hash);
      if (replicaSet === undefined) {
        this.#replicaSets.set(hash, {
          specReplicas: replicas,
          statusReplicas: 0,
          fullyLabeled: 0,
          ready: 0,
          settled: false,
          seen: [],
        });
      } else if (replicaSet.specReplicas !== replicas) {
        replicaSet.specReplicas = replicas;
        replicaSet.settled = false;
      }
    }
  }

  /** The controller's watch of pods catches up. */
  replicaSetInformer(): void {
    this.#informedMs = this.nowMs;
    for (const [hash, replicaSet] of this.#replicaSets) {
      replicaSet.seen = this.#pods
        .filter(({ revision, terminating }) => revision === hash && !terminating)
        .map((pod) => ({ ...pod }));
    }
  }

  replicaSetController(): void {
    for (const [hash, replicaSet] of this.#replicaSets) this.#reconcileReplicaSet(hash, replicaSet);
  }

  #reconcileReplicaSet(hash: string, replicaSet: ReplicaSet): void {
    const surplus = replicaSet.seen.length - replicaSet.specReplicas;
    for (let more = surplus; more < 0; more++) {
      const pod = newPod(hash, this.#count++, this.nowMs);
      this.#pods.push(pod);
      replicaSet.seen.push({ ...pod });
    }
    const victims = surplus > 0 ? replicaSet.seen.toSorted(rank).slice(0, surplus) : [];
    for (const { uid } of victims) this.#remove(uid);
    // Its own deletions are expected: it counts without them.
    replicaSet.seen = replicaSet.seen.filter(({ uid }) => !victims.some((victim) => victim.uid === uid));
    replicaSet.statusReplicas = replicaSet.seen.length;
    replicaSet.fullyLabeled = replicaSet.seen.filter(({ gated }) => !gated).length;
    replicaSet.ready = replicaSet.seen.filter(({ ready }) => ready).length;
    replicaSet.settled = true;
  }

  #remove(uid: string): void {
    const pod = this.#pods.find((each) => each.uid === uid);
    if (pod === undefined || pod.terminating) return;
    pod.terminating = true;
    const isPastDeadline = pod.deadlineMs !== undefined && this.nowMs > pod.deadlineMs;
    if (pod.connections > 0 && !isPastDeadline)
      this.violations.push(`${pod.name} removed with ${pod.connections} connections`);
  }

  endpointController(): void {
    const inService = this.#pods.filter(
      ({ revision, ready, gated, terminating }) => revision === this.#service && ready && !gated && !terminating,
    );
    this.#endpoints = new Set(inService.map(({ uid }) => uid));
  }

  /** Containers start, probes are seen, pods that were told to go are gone. */
  kubelet(): void {
    this.#pods = this.#pods.filter(({ terminating }) => !terminating);
    for (const pod of this.#pods) {
      if (!pod.running) Object.assign(pod, { phase: "Running", running: true });
      else {
        pod.ready = shouldBeReady(pod);
        pod.everReady ||= pod.ready;
      }
    }
  }

  /** Time passes for the gateways, and no view is older than a controller's can be. */
  advance(ms: number): void {
    this.nowMs += ms;
    if (this.nowMs - this.#informedMs >= MAX_LAG_MS) this.replicaSetInformer();
    if (this.nowMs - this.#syncedMs >= MAX_LAG_MS) this.sync("pods");
    for (const pod of this.#pods) if (pod.drain === "draining" && !pod.frozen) this.#drain(pod, ms);
  }

  #drain(pod: SimulatedPod, ms: number): void {
    const leaving = drainFor(pod, ms, this.nowMs);
    for (let client = 0; client < leaving; client++) this.#reconnect();
  }

  #reconnect(): void {
    const targets = this.#pods.filter(
      ({ uid, gated, running, frozen }) => this.#endpoints.has(uid) && !gated && running && !frozen,
    );
    const target = targets.toSorted((a, b) => a.connections - b.connections)[0];
    if (target !== undefined) target.connections += 1;
  }

  // The operator

  /** One pass; with `cut` it dies after so many of its writes. */
  pass(cut = Number.POSITIVE_INFINITY): void {
    const { actions, status } = plan(this.observe(), installation, {
      ms: this.nowMs,
      text: new Date(this.nowMs).toISOString(),
    });
    for (const action of actions.slice(0, cut)) this.#apply(action);
    if (cut < actions.length) this.crashOperator();
    else this.status = status;
  }

  #apply(action: Action): void {
    if ("pod" in action) return this.#applyToPod(action);
    switch (action.type) {
      case "create":
        return this.#createDeployment(action.child.manifest);
      case "scale":
        return this.#scale(action);
      case "apply":
        return this.#applyChild(action.child.manifest);
      case "delete":
        return this.#delete(action);
      case "change-password":
      case "generate-secret":
      case "restore-template":
      case "write-replicas":
        return undefined;
    }
  }

  #applyToPod(action: Extract<Action, { readonly pod: unknown }>): void {
    const { uid } = action.pod;
    switch (action.type) {
      case "gate":
        return this.#gate(uid, action.reason);
      case "reopen":
        return this.#withPod(uid, reopen);
      case "cancel-drain":
        return this.#cancelDrain(uid);
      case "begin-drain":
        return this.#withPod(uid, (pod) => (pod.deadlineMs = action.deadlineMs));
      case "drain":
        return this.#sendDrain(uid, action.request);
      case "call-config":
      case "sweep":
        return undefined;
    }
  }

  #createDeployment(manifest: object): void {
    const { metadata, spec } = manifest as { metadata: { labels: Record<string, string> }; spec: { replicas: number } };
    const hash = metadata.labels["belay.dev/revision"] ?? "";
    if (!this.#deployments.has(hash)) this.#deployments.set(hash, { replicas: spec.replicas, paused: true });
  }

  #scale({ deployment, from, to }: Extract<Action, { type: "scale" }>): void {
    const found = this.#deployments.get(deployment.replace("sim-", ""));
    // The test of the JSON patch.
    if (found?.replicas === from) found.replicas = to;
  }

  #applyChild(manifest: { readonly kind: string; readonly metadata: { readonly name: string } }): void {
    if (manifest.kind !== "Service" || manifest.metadata.name !== "sim") return;
    const { spec } = manifest as unknown as { spec: { selector: Record<string, string> } };
    this.#service = spec.selector["belay.dev/revision"];
  }

  #gate(uid: string, reason: ObservedPod["drainReason"]): void {
    this.#withPod(uid, (pod) => {
      Object.assign(pod, { gated: true, reason });
      // By what the operator could see: an endpoint that vanished a moment ago is nobody's fault.
      const left = [...this.#caches.endpoints].filter((each) => each !== uid);
      if (this.desired > 0 && this.#caches.endpoints.has(uid) && left.length === 0)
        this.violations.push(`${pod.name} was the last endpoint and was gated`);
    });
  }

  #sendDrain(uid: string, { ratePerSecond, term, policy }: DrainRequest): void {
    this.#withPod(uid, (pod) => {
      if (!pod.running || pod.frozen) return;
      pod.rate = ratePerSecond;
      if (pod.drain === "serving") pod.drain = pod.connections === 0 ? "drained" : "draining";
      pod.policy = policy ?? "ForceClose";
      this.#sent.set(uid, { ratePerSecond, term, ...(policy !== undefined && { policy }) });
    });
  }

  #cancelDrain(uid: string): void {
    this.#withPod(uid, (pod) => {
      if (cancelDrain(pod)) this.#sent.delete(uid);
    });
  }

  #delete({ resource, name }: Extract<Action, { type: "delete" }>): void {
    if (resource.kind !== "Deployment") return;
    const hash = name.replace("sim-", "");
    this.#deployments.delete(hash);
    this.#replicaSets.delete(hash);
    for (const pod of this.#pods) if (pod.revision === hash) this.#remove(pod.uid);
  }

  #withPod(uid: string, change: (pod: SimulatedPod) => void): void {
    const pod = this.#pods.find((each) => each.uid === uid && !each.terminating);
    if (pod !== undefined) change(pod);
  }

  #copyAll(): Caches {
    return {
      deployments: new Map([...this.#deployments].map(([hash, each]) => [hash, { ...each }])),
      replicaSets: new Map([...this.#replicaSets].map(([hash, each]) => [hash, { ...each }])),
      pods: this.#pods.map((pod) => ({ ...pod })),
      service: this.#service,
      endpoints: new Set(this.#endpoints),
    };
  }

  #view(): View {
    return { ...this.#caches, live: this.#pods, nowMs: this.nowMs, steady: this.#steady, sent: this.#sent };
  }

  observe(): Observed {
    const { service, deployments } = this.#caches;
    const cluster: RealtimeCluster = {
      metadata: { name: "sim", namespace: "default", uid: "cluster", generation: 1 },
      spec: specOf(this.#spec),
      status: this.status,
    };
    const revisions = [...deployments.keys()].map((hash) => observeRevision(hash, this.#view()));
    return observed(revisions, {
      cluster,
      service: { revision: service, clusterIP: "198.18.128.1", nodePort: undefined, ingress: undefined },
      connections: desiredReplicas(cluster),
      term: this.#term,
    });
  }
}
