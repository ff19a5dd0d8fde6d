import type { KubeObject } from "../kube/kube-client.ts";

/** What changed: `undefined` before for a new object, `undefined` after for one that is gone. */
export type StoreListener<T> = (before: T | undefined, after: T | undefined) => void;

/** Key of an object: `namespace/name`, or `/name` for a cluster-scoped one. */
export function keyOf({ namespace = "", name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** The objects of one kind as the watch last showed them. Readers get the stored values and must not change them. */
export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #listeners: StoreListener<T>[] = [];
  readonly #indexOf: (object: T) => string | undefined;
  readonly #index = new Map<string, Set<string>>();

  /** `indexOf` names the group that `group()` finds an object by, for instance its owner's key. */
  constructor(indexOf: (object: T) => string | undefined = () => undefined) {
    this.#indexOf = indexOf;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(keyOf({ namespace, name }));
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Objects whose index value is `value`. */
  group(value: string): readonly T[] {
    return [...(this.#index.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Listeners only take note, for instance in a queue; they must not throw. */
  onChange(listener: StoreListener<T>): void {
    this.#listeners.push(listener);
  }

  set(object: T): void {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before !== undefined && before.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#objects.set(key, object);
    this.#reindex(key, before, object);
    this.#tell(before, object);
  }

  delete(object: T): void {
    this.#deleteKey(keyOf(object.metadata));
  }

  /** A list that is complete: what is not in it is gone. */
  replaceAll(objects: readonly T[]): void {
    const keys = new Set(objects.map(({ metadata }) => keyOf(metadata)));
    this.#deleteMissing(keys, () => true);
    for (const object of objects) this.set(object);
  }

  /** The same for the objects of one namespace. */
  replaceNamespace(namespace: string, objects: readonly T[]): void {
    const keys = new Set(objects.map(({ metadata }) => keyOf(metadata)));
    this.#deleteMissing(keys, (object) => object.metadata.namespace === namespace);
    for (const object of objects) this.set(object);
  }

  #deleteMissing(keep: ReadonlySet<string>, among: (object: T) => boolean): void {
    for (const [key, object] of this.#objects) if (!keep.has(key) && among(object)) this.#deleteKey(key);
  }

  #deleteKey(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#reindex(key, before, undefined);
    this.#tell(before, undefined);
  }

  #reindex(key: string, before: T | undefined, after: T | undefined): void {
    const [old, now] = [before, after].map((object) => (object === undefined ? undefined : this.#indexOf(object)));
    if (old === now) return;
    if (old !== undefined) {
      const group = this.#index.get(old);
      group?.delete(key);
      if (group?.size === 0) this.#index.delete(old);
    }
    if (now === undefined) return;
    const group = this.#index.get(now) ?? new Set();
    this.#index.set(now, group.add(key));
  }

  #tell(before: T | undefined, after: T | undefined): void {
    for (const listener of this.#listeners) listener(before, after);
  }
}
