import type {
  KubeClient,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectRef,
  Patch,
  Resource,
  WatchEvent,
  WatchOptions,
  ApplyOptions,
  DeleteOptions,
} from "../kube/kube-client.ts";

/** A write was refused because this replica does not lead (any more). The standby's reconcile will do it. */
export class NotLeadingError extends Error {
  constructor() {
    super("this replica does not hold the lease");
    this.name = "NotLeadingError";
  }
}

/** Reads always pass; a write passes only while `leading()` says so at the moment it is sent. */
export class GuardedClient implements KubeClient {
  readonly #client: KubeClient;
  readonly #leading: () => boolean;

  constructor(client: KubeClient, leading: () => boolean) {
    this.#client = client;
    this.#leading = leading;
  }

  get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined> {
    return this.#client.get(ref);
  }

  list<T extends KubeObject>(resource: Resource, options: ListOptions): Promise<ListPage<T>> {
    return this.#client.list(resource, options);
  }

  watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    return this.#client.watch(resource, options, signal);
  }

  create<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    return this.#write(() => this.#client.create(resource, object));
  }

  replace<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    return this.#write(() => this.#client.replace(resource, object));
  }

  apply<T extends KubeObject>(resource: Resource, object: T, options: ApplyOptions): Promise<T> {
    return this.#write(() => this.#client.apply(resource, object, options));
  }

  patch<T extends KubeObject>(ref: ObjectRef, patch: Patch, subresource?: "status"): Promise<T> {
    return this.#write(() => this.#client.patch(ref, patch, subresource));
  }

  delete(ref: ObjectRef, options?: DeleteOptions): Promise<void> {
    return this.#write(() => this.#client.delete(ref, options));
  }

  #write<T>(send: () => Promise<T>): Promise<T> {
    return this.#leading() ? send() : Promise.reject(new NotLeadingError());
  }
}
