/** Reflectors for every store, for each served namespace or for all. */
import { CLUSTER_LABEL } from "@belay/protocol/control";
import type { Clock, Random } from "../clock.ts";
import type { KubeClient, KubeObject, Resource } from "../kube/kube-client.ts";
import { STORE_RESOURCES, type Stores } from "../observe/stores.ts";
import { Reflector, type ReflectorOptions } from "../runtime/reflector.ts";

export interface WatchesOptions {
  readonly client: KubeClient;
  readonly stores: Stores;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly onRestart: NonNullable<ReflectorOptions<KubeObject>["onRestart"]>;
}

export class Watches {
  readonly #reflectors: readonly Reflector<KubeObject>[];

  constructor(options: WatchesOptions) {
    const namespaces = options.namespaces.length === 0 ? [undefined] : options.namespaces;
    this.#reflectors = Object.entries(STORE_RESOURCES).flatMap(([name, resource]) =>
      namespaces.map((namespace) => reflector(options, resource, [name as keyof Stores, namespace])),
    );
  }

  start(): void {
    for (const each of this.#reflectors) each.start();
  }

  /** Resolves when every store has had its first list. */
  async synced(): Promise<void> {
    await Promise.all(this.#reflectors.map(({ synced }) => synced));
  }

  async close(): Promise<void> {
    await Promise.all(this.#reflectors.map((each) => each.close()));
  }
}

function reflector(
  { client, stores, clock, random, onRestart }: WatchesOptions,
  resource: Resource,
  [name, namespace]: readonly [keyof Stores, string | undefined],
): Reflector<KubeObject> {
  return new Reflector<KubeObject>({
    client,
    resource,
    store: stores[name],
    clock,
    random,
    onRestart,
    ...(namespace !== undefined && { namespace }),
    // Everything but the clusters themselves is found by its label, so that other people's objects never reach our memory.
    ...(name !== "clusters" && { labelSelector: CLUSTER_LABEL }),
  });
}
