/** Wiring: which change wakes which cluster, and who does the work. The story itself is in reconcile.ts. */
import { ControlPort } from "../apply/control-port.ts";
import { DrainClient } from "../apply/drain-client.ts";
import { randomText } from "../apply/random-text.ts";
import { PasswordChange } from "../apply/password-change.ts";
import { redisAdmin } from "../apply/redis-admin.ts";
import { SweepClient } from "../apply/sweep-client.ts";
import { StatusWriter } from "../apply/status-writer.ts";
import { Writer } from "../apply/writer.ts";
import type { Clock, Random } from "../clock.ts";
import { desiredReplicas } from "../api/v1alpha1/defaults.ts";
import { parseCluster } from "../api/v1alpha1/parse.ts";
import type { KubeClient, KubeObject } from "../kube/kube-client.ts";
import { type TotalConnections, totalConnections } from "../observe/connections.ts";
import { controlTokenOf } from "../observe/control-token.ts";
import { GonePods } from "../observe/gone-pods.ts";
import { LoadClient } from "../observe/load-client.ts";
import { NodeAddress } from "../observe/node-address.ts";
import { gatewayPods } from "../observe/observe.ts";
import { SecretCache } from "../observe/secret-cache.ts";
import { Steadiness } from "../observe/steadiness.ts";
import { clusterKeyOf, createStores, type Stores } from "../observe/stores.ts";
import type { ObservedMetricsApi } from "../plan/observed.ts";
import type { Installation } from "../resources/manifest.ts";
import { runController } from "../runtime/controller.ts";
import { EventRecorder } from "../runtime/event-recorder.ts";
import { GuardedClient } from "../runtime/guarded-client.ts";
import { keyOf, type Store } from "../runtime/store.ts";
import { WorkQueue } from "../runtime/work-queue.ts";
import { reconcile, type Reconciler } from "./reconcile.ts";
import { Watches, type WatchesOptions } from "./watches.ts";

export interface OperatorOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly namespaces: readonly string[];
  readonly installation: Installation;
  /** Names this replica in Events. */
  readonly instance: string;
  readonly leader: { readonly leading: boolean; readonly term: number };
  readonly metricsApi: () => ObservedMetricsApi;
  readonly observer: OperatorObserver;
}

/** What happens inside, for logs and metrics. */
export interface OperatorObserver {
  readonly onReconcile: (key: string, outcome: "ok" | "failed", error?: unknown) => void;
  /** A pass that led somewhere or failed took so long. */
  readonly onPass: (ms: number) => void;
  readonly onRestart: WatchesOptions["onRestart"];
  readonly onPodFailure: (pod: string, error: unknown) => void;
  readonly onEventFailure: (error: unknown) => void;
}

const WORKERS = 8;
/** A metric older than this is none. */
const METRIC_FRESH_MS = 10_000;

export class Operator {
  readonly stores: Stores = createStores();
  readonly queue: WorkQueue;
  readonly #options: OperatorOptions;
  readonly #watches: Watches;
  readonly #loads: LoadClient;
  readonly #controlPort = new ControlPort();
  readonly #drains = new DrainClient(this.#controlPort);
  readonly #gone: GonePods;
  readonly #reconciler: Reconciler;
  #running: Promise<void> = Promise.resolve();

  constructor(options: OperatorOptions) {
    const { client, clock, random, observer } = options;
    this.#options = options;
    this.queue = new WorkQueue(clock, random);
    const { stores } = this;
    this.#watches = new Watches({
      client,
      stores,
      namespaces: options.namespaces,
      clock,
      random,
      onRestart: observer.onRestart,
    });
    this.#loads = new LoadClient({
      stores,
      clock,
      onChange: (key) => this.queue.add(key),
      onFailure: observer.onPodFailure,
    });
    this.#gone = new GonePods(clock);
    this.#reconciler = makeReconciler(options, {
      stores,
      loads: this.#loads,
      controlPort: this.#controlPort,
      drains: this.#drains,
      gone: this.#gone,
    });
    this.#wake();
  }

  /** Every change of a cluster or of what carries its label wakes that cluster. */
  #wake(): void {
    const { clusters, ...children } = this.stores;
    clusters.onChange((before, after) => {
      const object = after ?? before;
      if (object !== undefined) this.queue.add(keyOf(object.metadata));
      if (after === undefined && before?.metadata.uid !== undefined)
        this.#reconciler.statuses.forget(before.metadata.uid);
    });
    for (const store of Object.values(children) as unknown as Store<KubeObject>[]) {
      store.onChange((before, after) => {
        for (const object of [before, after]) {
          const key = object === undefined ? undefined : clusterKeyOf(object);
          if (key !== undefined) this.queue.add(key);
        }
      });
    }
    this.stores.pods.onChange((before, after) => {
      this.#gone.see(before, after);
      const uid = after === undefined ? before?.metadata.uid : undefined;
      if (uid === undefined) return;
      this.#reconciler.observers.endpoints.forget(uid);
      this.#reconciler.observers.readiness.forget(uid);
      this.#drains.forget(uid);
    });
  }

  /** Resolves when the stores are filled and workers run. */
  async start(): Promise<void> {
    this.#watches.start();
    await this.#watches.synced();
    this.#loads.start();
    this.#running = runController({
      queue: this.queue,
      workers: WORKERS,
      reconcile: (key) => this.#reconcile(key),
      onResult: this.#options.observer.onReconcile,
    });
  }

  async #reconcile(key: string): Promise<{ readonly requeueAfterMs?: number }> {
    const [namespace = "", name = ""] = key.split("/");
    const object = this.stores.clusters.get(namespace, name);
    // A standby keeps its stores warm and writes nothing; it takes everything up again when it leads.
    if (object === undefined || !this.#options.leader.leading) return {};
    const { clock, observer } = this.#options;
    const startedMs = clock.nowMs();
    try {
      return await reconcile(object, this.#reconciler);
    } finally {
      observer.onPass(clock.nowMs() - startedMs);
    }
  }

  /** This replica leads now: every cluster is looked at. */
  wakeAll(): void {
    for (const { metadata } of this.stores.clusters.list()) this.queue.add(keyOf(metadata));
  }

  /** Open connections of a cluster; `undefined` when it does not exist or a pod's count is unknown. */
  connections(namespace: string, name: string): TotalConnections | undefined {
    const object = this.stores.clusters.get(namespace, name);
    const parsed = object === undefined ? undefined : parseCluster(object);
    if (parsed?.ok !== true) return undefined;
    return totalConnections(
      gatewayPods(this.stores.pods.group(keyOf({ namespace, name }))),
      (uid) => this.#loads.get(uid),
      { wanted: desiredReplicas(parsed.cluster), nowMs: this.#options.clock.nowMs(), freshMs: METRIC_FRESH_MS },
    );
  }

  /** No new work, the work in hand finished, then no watch any more. */
  async close(): Promise<void> {
    this.queue.close();
    await this.#running;
    await Promise.all([this.#loads.close(), this.#watches.close(), this.#controlPort.close()]);
  }
}

interface Parts {
  readonly stores: Stores;
  readonly loads: LoadClient;
  readonly controlPort: ControlPort;
  readonly drains: DrainClient;
  readonly gone: GonePods;
}

function makeReconciler(options: OperatorOptions, parts: Parts): Reconciler {
  const { stores, loads, controlPort, drains, gone } = parts;
  const { client, clock, leader, installation, instance, metricsApi, observer } = options;
  const guarded = new GuardedClient(client, () => leader.leading);
  return {
    observers: {
      stores,
      loads,
      endpoints: new Steadiness(clock),
      readiness: new Steadiness(clock),
      gone,
      secrets: new SecretCache(client, clock),
      nodes: new NodeAddress(client, clock),
      clock,
      metricsApi,
      term: () => leader.term,
      drainSent: (uid) => drains.sent(uid),
    },
    appliers: {
      writer: new Writer({ client: guarded, randomText }),
      passwords: new PasswordChange({ client: guarded, randomText, admin: redisAdmin }),
      drains,
      sweeps: new SweepClient({ controlPort, onSwept: (podUids) => gone.forget(podUids) }),
      controlToken: ({ metadata }) => controlTokenOf(stores.secrets, metadata.namespace, metadata.name),
      onPodFailure: observer.onPodFailure,
    },
    statuses: new StatusWriter(guarded, clock),
    events: new EventRecorder({ client: guarded, clock, instance, onError: observer.onEventFailure }),
    installation,
    clock,
  };
}
