/** The door `@belay/client/persistence`: what is to outlive a page, in IndexedDB. Needs the library `idb-keyval`. */
import { createStore, delMany, entries, setMany, type UseStore } from "idb-keyval";
import type { ClientStore, StoredPublish } from "./client-store.ts";
import type { StreamPosition } from "./messages.ts";

export type { ClientStore, StoredPublish } from "./client-store.ts";
export { networkTransportMemory } from "./network-transport-memory.ts";

export interface Persistence extends ClientStore {
  /** Resolves when everything so far is written. */
  flush(): Promise<void>;
}

export interface PersistenceOptions {
  /** Told when something could not be written: storage is full, or the browser takes it away. The client works on without. */
  readonly onError?: (error: unknown) => void;
}

interface StoredEntry {
  readonly publish: StoredPublish;
  /** Publishes go in the order in which they were made. */
  readonly order: number;
}

const PUBLISH = "publish/";
const POSITION = "position/";

/**
 * Opens the store of this name and reads what it has; rejects where there is no IndexedDB. Pages that share a name share the publishes
 * (which is safe: the server takes each key once) and the places (which is not, where they show the same channels: give each a name).
 */
export async function openPersistence(name: string, options: PersistenceOptions = {}): Promise<Persistence> {
  const store = createStore(`belay:${name}`, "entries");
  const read = await entries<string, StoredEntry | StreamPosition>(store);
  return new IndexedPersistence(store, new Map(read), options.onError ?? (() => undefined));
}

class IndexedPersistence implements Persistence {
  readonly #store: UseStore;
  readonly #onError: (error: unknown) => void;
  readonly #publishes = new Map<string, StoredEntry>();
  readonly #positions = new Map<string, StreamPosition>();
  /** Not written yet; undefined is to be deleted. */
  #pending = new Map<string, StoredEntry | StreamPosition | undefined>();
  #writing: Promise<void> | undefined;
  #order = 0;

  constructor(
    store: UseStore,
    read: ReadonlyMap<string, StoredEntry | StreamPosition>,
    onError: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#onError = onError;
    for (const [key, value] of read) {
      if ("publish" in value) this.#publishes.set(value.publish.key, value);
      else this.#positions.set(key.slice(POSITION.length), value);
    }
    for (const { order } of this.#publishes.values()) this.#order = Math.max(this.#order, order);
  }

  publishes(): readonly StoredPublish[] {
    return [...this.#publishes.values()].sort((a, b) => a.order - b.order).map(({ publish }) => publish);
  }

  keep(publish: StoredPublish): void {
    const order = this.#publishes.get(publish.key)?.order ?? (this.#order += 1);
    this.#publishes.set(publish.key, { publish, order });
    this.#write(PUBLISH + publish.key, { publish, order });
  }

  drop(key: string): void {
    if (this.#publishes.delete(key)) this.#write(PUBLISH + key, undefined);
  }

  position(channel: string): StreamPosition | undefined {
    return this.#positions.get(channel);
  }

  moveTo(channel: string, position: StreamPosition | undefined): void {
    if (position === undefined) this.#positions.delete(channel);
    else this.#positions.set(channel, position);
    this.#write(POSITION + channel, position);
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #write(key: string, value: StoredEntry | StreamPosition | undefined): void {
    this.#pending.set(key, value);
    this.#writing ??= this.#writeAll();
  }

  /** What comes while something is being written is written together afterwards. */
  async #writeAll(): Promise<void> {
    // What the same turn still says goes with it.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const all = [...this.#pending];
      this.#pending = new Map();
      const kept = all.flatMap(([key, value]): [string, StoredEntry | StreamPosition][] =>
        value === undefined ? [] : [[key, value]],
      );
      const dropped = all.flatMap(([key, value]) => (value === undefined ? [key] : []));
      try {
        await Promise.all([setMany(kept, this.#store), delMany(dropped, this.#store)]);
      } catch (error) {
        this.#onError(error);
      }
    }
    this.#writing = undefined;
  }
}
