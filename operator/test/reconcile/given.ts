/** A reconciler over an API server in memory, whose controllers the test plays. */
import { FakeClock, MemoryKube } from "@belay/testkit";
import type { RealtimeClusterObject } from "../../src/api/v1alpha1/realtime-cluster.ts";
import type { RealtimeClusterStatus } from "../../src/api/v1alpha1/gen/types.ts";
import { StatusWriter } from "../../src/apply/status-writer.ts";
import { PasswordChange } from "../../src/apply/password-change.ts";
import { Writer } from "../../src/apply/writer.ts";
import { reconcile, type Reconciler } from "../../src/controller/reconcile.ts";
import type { KubeObject, Resource } from "../../src/kube/kube-client.ts";
import { RESOURCES } from "../../src/kube/resources.ts";
import { GonePods } from "../../src/observe/gone-pods.ts";
import { NodeAddress } from "../../src/observe/node-address.ts";
import { SecretCache } from "../../src/observe/secret-cache.ts";
import { Steadiness } from "../../src/observe/steadiness.ts";
import { createStores, STORE_RESOURCES, type Stores } from "../../src/observe/stores.ts";
import type { PlannedEvent } from "../../src/plan/actions.ts";
import type { Store } from "../../src/runtime/store.ts";

export interface Manifest extends KubeObject {
  readonly [field: string]: unknown;
}

const installation = { gatewayImage: "gateway:1", redisImage: "redis:1", operatorNamespace: "belay-system" };

export class Given {
  readonly kube = new MemoryKube();
  readonly clock = new FakeClock();
  readonly stores: Stores = createStores();
  readonly events: PlannedEvent[] = [];
  readonly gone = new GonePods(this.clock);
  readonly reconciler: Reconciler;
  #random = 0;

  /** What the Redis at an address is told its passwords are. */
  redis: (ip: string, passwords: readonly string[]) => Promise<void> = () => Promise.resolve();
  /** By which password the Redis at an address is told to log in to others. */
  redisLogin: (ip: string, password: string) => Promise<void> = () => Promise.resolve();

  constructor() {
    const { kube, clock, stores } = this;
    this.reconciler = {
      observers: {
        stores,
        loads: { get: () => undefined },
        endpoints: new Steadiness(clock),
        readiness: new Steadiness(clock),
        gone: this.gone,
        secrets: new SecretCache(kube, clock),
        nodes: new NodeAddress(kube, clock),
        clock,
        metricsApi: () => ({ state: "ours", message: "" }),
        term: () => 1,
        drainSent: () => undefined,
      },
      appliers: {
        writer: new Writer({ client: kube, randomText: () => `random-${this.#random++}` }),
        passwords: new PasswordChange({
          client: kube,
          randomText: () => `random-${this.#random++}`,
          admin: {
            setPasswords: ({ ip }, passwords) => this.redis(ip, passwords),
            useForOthers: ({ ip }, password) => this.redisLogin(ip, password),
          },
        }),
        drains: { send: () => Promise.resolve(), cancel: () => Promise.resolve() },
        sweeps: { send: () => Promise.resolve() },
        controlToken: () => "token",
      },
      statuses: new StatusWriter(kube, clock),
      events: { record: (_about, event) => this.events.push(event) },
      installation,
      clock,
    };
  }

  /** Creates it, or changes its spec as `kubectl apply` would. */
  async cluster(spec: unknown, name = "chat"): Promise<void> {
    const { apiVersion, kind } = RESOURCES.realtimeClusters;
    const object: Manifest = { apiVersion, kind, metadata: { name, namespace: "shop", generation: 1 }, spec };
    await this.kube.create(RESOURCES.realtimeClusters, object);
  }

  /** Everything the watches would have shown by now. */
  async sync(): Promise<void> {
    for (const [name, resource] of Object.entries(STORE_RESOURCES)) {
      const { items } = await this.kube.list<KubeObject>(resource, {});
      (this.stores[name as keyof Stores] as Store<KubeObject>).replaceAll(items);
    }
  }

  async pass(name = "chat"): Promise<number | undefined> {
    await this.sync();
    const object = this.stores.clusters.get("shop", name);
    if (object === undefined) throw new Error(`no cluster ${name}`);
    const { requeueAfterMs } = await reconcile(object, this.reconciler);
    await this.clock.advance(1_000);
    return requeueAfterMs;
  }

  async read(resource: Resource, name: string): Promise<Manifest | undefined> {
    return this.kube.get<Manifest>({ resource, namespace: "shop", name });
  }

  async status(name = "chat"): Promise<RealtimeClusterStatus> {
    const object = await this.kube.get<RealtimeClusterObject>({
      resource: RESOURCES.realtimeClusters,
      namespace: "shop",
      name,
    });
    return object?.status ?? {};
  }

  async condition(
    type: string,
    name = "chat",
  ): Promise<NonNullable<RealtimeClusterStatus["conditions"]>[number] | undefined> {
    return (await this.status(name)).conditions?.find((each) => each.type === type);
  }

  /** `Kind/name` of everything in the namespace but the cluster itself. */
  async children(): Promise<readonly string[]> {
    const lists = await Promise.all(
      Object.values(STORE_RESOURCES).map((resource) => this.kube.list<KubeObject>(resource, { namespace: "shop" })),
    );
    const objects = lists.flatMap(({ items }) => items).filter(({ kind }) => kind !== "RealtimeCluster");
    return objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).toSorted();
  }

  /** Plays the Deployment's controller: one ReplicaSet, made from the template. */
  async replicaSetFor(deployment: Manifest): Promise<void> {
    const { template, replicas } = deployment["spec"] as { template: unknown; replicas: number };
    const { name, namespace = "", uid = "", labels = {} } = deployment.metadata;
    const owner = { apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true };
    await this.kube.create<Manifest>(RESOURCES.replicaSets, {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: `${name}-rs`, namespace, labels, generation: 1, ownerReferences: [owner] },
      spec: { replicas, template },
      status: { replicas: 0, observedGeneration: 1 },
    });
  }
}
