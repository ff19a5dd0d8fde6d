import { BrokerUnavailableError } from "../broker/broker.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import type { RedisScript } from "../redis/redis-script.ts";
import { indexDeletes, indexWrites } from "./redis-entries.ts";
import type { EntryWriter } from "./redis-entry-writer.ts";
import { formatLease } from "./redis-registry-rows.ts";
import {
  COMMIT_ENTRY_SCRIPT,
  RECLAIM_ENTRY_SCRIPT,
  RELEASE_ENTRY_SCRIPT,
  RESERVE_ENTRY_SCRIPT,
} from "./redis-registry-scripts.ts";
import type { Lease, Ownership, RegistryEntry, Transfers } from "./registry.ts";

export interface EntryTransfersOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  readonly writer: EntryWriter;
  readonly lease: { readonly current: Lease | undefined };
  /** Whether a lease is over: what was its own may be gone without its pod's doing. */
  readonly hasEnded: (lease: Lease) => Promise<boolean>;
}

/** Entries that go from one pod to another, each by scripts on the one key of its user. */
export class EntryTransfers implements Transfers {
  readonly #options: EntryTransfersOptions;

  constructor(options: EntryTransfersOptions) {
    this.#options = options;
  }

  ownership(entry: RegistryEntry): Ownership | undefined {
    const { writer, lease } = this.#options;
    const generation = writer.generationOf(entry);
    return generation === undefined || lease.current === undefined ? undefined : { ...lease.current, generation };
  }

  /** The index first, as with every entry. */
  async reserve(entry: RegistryEntry, from: Ownership): Promise<boolean> {
    const { commands, keys } = this.#options;
    const own = await this.#ownLease();
    await commands.batch(indexWrites(keys, own, [entry]));
    const isReserved = (await this.#run(RESERVE_ENTRY_SCRIPT, entry, from, [formatLease(own)])) === 1;
    if (!isReserved) this.#unindex(entry, own);
    return isReserved;
  }

  async commit(entry: RegistryEntry, from: Ownership): Promise<"taken" | "added" | "lost"> {
    const own = await this.#ownLease();
    const commit = async (mayAdd: boolean): Promise<unknown> =>
      this.#run(COMMIT_ENTRY_SCRIPT, entry, from, [own.podUid, own.term, mayAdd ? "1" : "0"]);
    let reply = await commit(false);
    const isAdded = reply === 2 && (await this.#options.hasEnded(from));
    if (isAdded) reply = await commit(true);
    if (reply === 1 || (isAdded && reply === 2)) {
      this.#options.writer.adopt(entry, own, from.generation + 1);
      return isAdded ? "added" : "taken";
    }
    this.#unindex(entry, own);
    return "lost";
  }

  async release(entry: RegistryEntry, from: Ownership): Promise<void> {
    const own = await this.#ownLease();
    await this.#run(RELEASE_ENTRY_SCRIPT, entry, from, [formatLease(own)]);
    this.#unindex(entry, own);
  }

  /** Under the lease of now: a new one has voided what was reserved under the old one, and written the entry again. */
  async reclaim(entry: RegistryEntry, own: Ownership): Promise<"kept" | "lost" | "gone"> {
    const lease = await this.#ownLease();
    const reply = await this.#run(RECLAIM_ENTRY_SCRIPT, entry, { ...own, ...lease }, []);
    if (reply !== 1) return reply === 2 ? "gone" : "lost";
    this.#options.writer.adopt(entry, lease, own.generation + 2);
    return "kept";
  }

  letGo(entry: RegistryEntry, own: Ownership): void {
    this.#options.writer.forget(entry, own.generation);
    this.#unindex(entry, own);
  }

  #run(
    script: RedisScript,
    { user, client }: RegistryEntry,
    { podUid, term, generation }: Ownership,
    more: readonly string[],
  ): Promise<unknown> {
    const { commands, keys } = this.#options;
    return commands.run(script, [keys.user(user)], [client, podUid, term, generation, ...more]);
  }

  async #ownLease(): Promise<Lease> {
    const lease = await this.#options.writer.usableLease();
    if (lease === undefined) throw new BrokerUnavailableError("this pod's lease could not be renewed");
    return lease;
  }

  /** What stands in the index without an entry costs a sweep a look, no more: that this fails does not matter. */
  #unindex(entry: RegistryEntry, lease: Lease): void {
    const { commands, keys, writer } = this.#options;
    // Both ends may be on this pod.
    if (writer.holds(entry)) return;
    commands.batch(indexDeletes(keys, lease, [entry])).catch(() => undefined);
  }
}
