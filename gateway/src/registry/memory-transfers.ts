import type { Ownership, RegistryEntry, Transfers } from "./registry.ts";

/** What a registry of one node tells of a client: how often it went, and whether somebody has reserved it. */
interface Row extends RegistryEntry {
  readonly generation: number;
  readonly isReserved: boolean;
}

export interface MemoryTransfersOptions {
  readonly podUid: string;
  readonly has: (entry: RegistryEntry) => boolean;
}

const TERM = "0";

/** Both ends are the same node: what is conditional on generations elsewhere is so here. */
export class MemoryTransfers implements Transfers {
  readonly #options: MemoryTransfersOptions;
  /** Of clients that went once; others are of generation 1. */
  readonly #rows = new Map<string, Row>();

  constructor(options: MemoryTransfersOptions) {
    this.#options = options;
  }

  ownership(entry: RegistryEntry): Ownership | undefined {
    const { generation } = this.#row(entry) ?? {};
    return generation === undefined ? undefined : { podUid: this.#options.podUid, term: TERM, generation };
  }

  reserve(entry: RegistryEntry, { generation }: Ownership): Promise<boolean> {
    const isHeld = this.#row(entry)?.generation === generation;
    if (isHeld) this.#write(entry, generation, true);
    return Promise.resolve(isHeld);
  }

  commit(entry: RegistryEntry, { generation }: Ownership): Promise<"taken" | "lost"> {
    const row = this.#row(entry);
    if (row?.generation === generation + 1) return Promise.resolve("taken");
    if (row?.generation !== generation || !row.isReserved) return Promise.resolve("lost");
    this.#write(entry, generation + 1, false);
    return Promise.resolve("taken");
  }

  release(entry: RegistryEntry, { generation }: Ownership): Promise<void> {
    if (this.#row(entry)?.generation === generation) this.#write(entry, generation, false);
    return Promise.resolve();
  }

  reclaim(entry: RegistryEntry, { generation }: Ownership): Promise<"kept" | "lost" | "gone"> {
    const held = this.#row(entry)?.generation;
    if (held === generation) this.#write(entry, generation + 2, false);
    const isKept = held === generation || held === generation + 2;
    return Promise.resolve(held === undefined ? "gone" : isKept ? "kept" : "lost");
  }

  letGo(): void {
    // The other end is on this node too: it holds the entry.
  }

  forget({ client }: RegistryEntry): void {
    this.#rows.delete(client);
  }

  #row(entry: RegistryEntry): Row | undefined {
    if (!this.#options.has(entry)) return undefined;
    return this.#rows.get(entry.client) ?? { ...entry, generation: 1, isReserved: false };
  }

  #write({ user, client }: RegistryEntry, generation: number, isReserved: boolean): void {
    this.#rows.set(client, { user, client, generation, isReserved });
  }
}
