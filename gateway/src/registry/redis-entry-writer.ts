import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import type { Lease, RegistryEntry } from "./registry.ts";
import { FIRST_GENERATION, type OwnedEntry, type PutOutcome, writeEntries } from "./redis-entries.ts";
import type { PodLease } from "./redis-lease.ts";

export interface EntryWriterOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  readonly lease: PodLease;
  /** Another pod had the client; `superseded`: it still has. */
  readonly onContested: (entry: RegistryEntry, lease: Lease, outcome: NonNullable<PutOutcome>) => void;
}

/** Entries of one write: bounds what Redis does in one go to a few milliseconds. */
const WRITE_BATCH = 1_000;

/** A failed write is repeated after this long, or when the connection is back. */
const RETRY_MS = 250;

interface Held extends OwnedEntry {
  /** Whether a write was ever begun under the present lease: what was not, needs no removal. */
  sent: boolean;
  /** Held since before the present lease, and not yet written under it. */
  isOld: boolean;
}

/** Keeps Redis equal to what this pod holds: one write at a time, everything that piled up meanwhile in the next one. */
export class EntryWriter {
  readonly #options: EntryWriterOptions;
  readonly #held = new Map<string, Held>();
  readonly #toAdd = new Set<string>();
  readonly #toRemove = new Map<string, RegistryEntry>();
  /** Who waits for the first write of an entry, by client. */
  readonly #waiting = new Map<string, () => void>();
  #writing = false;
  #scheduled = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];
  #stopped = false;
  /** Old entries, and others' writes, that are not made under the present lease; undefined when all pods were told that all are. */
  #oldLeft: number | undefined;

  constructor(options: EntryWriterOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#toAdd.size + this.#toRemove.size;
  }

  get isIdle(): boolean {
    return this.pending === 0 && !this.#writing;
  }

  /** Resolves when it is written, or cannot be for now. What is held already is not waited for. */
  add({ user, client }: RegistryEntry): Promise<void> {
    const wasSent = this.#toRemove.delete(client);
    // What is held already is written or about to be.
    if (this.#held.get(client)?.user === user || this.#stopped) return Promise.resolve();
    this.#held.set(client, { user, client, generation: FIRST_GENERATION, sent: wasSent, isOld: false });
    this.#toAdd.add(client);
    this.schedule();
    return new Promise((resolve) => this.#waiting.set(client, resolve));
  }

  /** What a claim or a transfer has written under a lease; without one, may have written. */
  adopt({ user, client }: RegistryEntry, lease?: Lease, generation: number = FIRST_GENERATION): void {
    const isCurrent = lease !== undefined && this.#options.lease.current?.term === lease.term;
    this.#toRemove.delete(client);
    this.#forgetOld(this.#held.get(client));
    this.#held.set(client, { user, client, generation, sent: true, isOld: false });
    if (isCurrent) return;
    this.#toAdd.add(client);
    this.schedule();
  }

  remove({ client }: RegistryEntry): void {
    const held = this.#held.get(client);
    if (held === undefined) return;
    this.#forgetOld(held);
    this.#held.delete(client);
    this.#toAdd.delete(client);
    this.#resolve(client);
    if (held.sent) this.#toRemove.set(client, held);
    this.schedule();
  }

  holds({ user, client }: RegistryEntry): boolean {
    return this.#held.get(client)?.user === user;
  }

  /** The generation of what is held, where it is written under the present lease. */
  generationOf({ user, client }: RegistryEntry): number | undefined {
    const held = this.#held.get(client);
    const isWritten = held?.user === user && held.sent && !this.#toAdd.has(client);
    return isWritten ? held.generation : undefined;
  }

  /** Another pod's: it is neither written nor removed. What this pod holds anew stays. */
  forget({ client }: RegistryEntry, generation: number): void {
    const held = this.#held.get(client);
    if (held?.generation !== generation) return;
    this.#forgetOld(held);
    this.#held.delete(client);
    this.#toAdd.delete(client);
    this.#resolve(client);
    this.schedule();
  }

  removeAll(): void {
    for (const held of this.#held.values()) this.remove(held);
  }

  /** A new lease: what stood under the old one is swept, all that is held is written again, and `others` is what others write. */
  writeAgain(others: Promise<void>): void {
    this.#toRemove.clear();
    const term = this.#options.lease.current?.term;
    this.#oldLeft = this.#held.size + 1;
    void this.#awaitOthers(others, term);
    for (const held of this.#held.values()) {
      held.sent = false;
      held.isOld = true;
      this.#toAdd.add(held.client);
    }
    this.schedule();
  }

  async #awaitOthers(others: Promise<void>, term: string | undefined): Promise<void> {
    await others;
    if (this.#oldLeft === undefined || this.#options.lease.current?.term !== term) return;
    this.#oldLeft -= 1;
    this.schedule();
  }

  /** At the end of this turn of the event loop, so that its writes go out together. */
  schedule(): void {
    if (this.#scheduled || this.#writing || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#write();
    });
  }

  whenIdle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => void this.#idle.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    this.#resolveAll();
    this.#settle();
  }

  async #write(): Promise<void> {
    if (this.#writing || this.#stopped) return;
    this.#writing = true;
    try {
      while ((this.pending > 0 || this.#oldLeft === 0) && !this.#stopped) {
        const lease = await this.usableLease();
        if (lease === undefined || !(await this.#writeBatch(lease))) return this.#retryLater();
      }
    } finally {
      this.#writing = false;
    }
    this.#settle();
  }

  /** A pod that was stopped for long must not write under a lease that others have ended: it beats first. */
  async usableLease(): Promise<Lease | undefined> {
    const { lease } = this.#options;
    if (!lease.held) await lease.beat();
    return lease.held ? lease.current : undefined;
  }

  async #writeBatch(lease: Lease): Promise<boolean> {
    const removed = [...this.#toRemove.values()].slice(0, WRITE_BATCH);
    for (const { client } of removed) this.#toRemove.delete(client);
    const added: Held[] = [];
    for (const client of this.#toAdd) {
      if (added.length >= WRITE_BATCH) break;
      this.#toAdd.delete(client);
      const held = this.#held.get(client);
      if (held !== undefined) added.push(held);
    }
    for (const held of added) held.sent = true;
    try {
      const { commands, keys, onContested } = this.#options;
      const outcomes = await writeEntries(commands, keys, lease, { added, removed });
      for (const [index, held] of added.entries()) {
        this.#forgetOld(held);
        this.#resolve(held.client);
        const outcome = outcomes[index];
        if (outcome !== undefined) onContested(held, lease, outcome);
      }
      if (this.#oldLeft === 0) await this.#tellComplete(lease);
      return true;
    } catch {
      this.#putBack(added, removed);
      return false;
    }
  }

  #forgetOld(held: Held | undefined): void {
    if (held?.isOld !== true || this.#oldLeft === undefined) return;
    held.isOld = false;
    this.#oldLeft -= 1;
  }

  /** Whoever is not found under this pod from now on is not there. */
  async #tellComplete({ podUid, term }: Lease): Promise<void> {
    const { commands, keys } = this.#options;
    await commands.call("HSET", keys.complete, podUid, term);
    if (this.#oldLeft === 0 && this.#options.lease.current?.term === term) this.#oldLeft = undefined;
  }

  /** The outcome is unknown; what has changed since then stands. */
  #putBack(added: readonly Held[], removed: readonly RegistryEntry[]): void {
    for (const { client } of added) if (this.#held.has(client)) this.#toAdd.add(client);
    for (const entry of removed) if (!this.#held.has(entry.client)) this.#toRemove.set(entry.client, entry);
  }

  #retryLater(): void {
    this.#resolveAll();
    clearTimeout(this.#retryTimer);
    if (!this.#stopped) this.#retryTimer = setTimeout(() => this.schedule(), RETRY_MS);
  }

  #resolve(client: string): void {
    this.#waiting.get(client)?.();
    this.#waiting.delete(client);
  }

  #resolveAll(): void {
    for (const client of this.#waiting.keys()) this.#resolve(client);
  }

  #settle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
