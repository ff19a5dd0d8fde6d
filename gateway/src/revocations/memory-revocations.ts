import type { Clock } from "../clock.ts";
import { MAX_REVOCATIONS, type Revocation, RevocationLimitError, type Revocations } from "../auth/verifier.ts";
import { blockId, entryOf, type RevocationEntry, revocationOf, RevocationTable } from "./revocation-table.ts";

/** Revocations of a single node: gone with it. */
export class MemoryRevocations implements Revocations {
  readonly #clock: Pick<Clock, "date">;
  readonly #table = new RevocationTable();
  readonly #listeners: ((revocation: Revocation) => void)[] = [];

  constructor(clock: Pick<Clock, "date">) {
    this.#clock = clock;
  }

  get isLoaded(): boolean {
    return true;
  }

  get size(): number {
    return this.#table.size;
  }

  async start(): Promise<void> {
    // Nothing is stored anywhere.
  }

  async add(revocation: Revocation): Promise<void> {
    const entry = entryOf(revocation, this.#nowMs() / 1000);
    if (this.#table.get(entry.id) === undefined && !this.#hasRoom()) throw new RevocationLimitError();
    this.#put(entry);
  }

  async unblock(user: string): Promise<void> {
    const block = this.#table.get(blockId(user));
    if (block !== undefined) this.#put({ ...block, isLifted: true });
  }

  judge(claims: Parameters<Revocations["judge"]>[0]): "revoked" | "blocked" | undefined {
    return this.#table.judge(claims, this.#nowMs() / 1000);
  }

  onRevocation(listener: (revocation: Revocation) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    // Nothing to give back.
  }

  /** Looks for what ended only when it must: that is a walk through all. */
  #hasRoom(): boolean {
    if (this.#table.size < MAX_REVOCATIONS) return true;
    this.#table.prune(this.#nowMs() / 1000);
    return this.#table.size < MAX_REVOCATIONS;
  }

  #put(entry: RevocationEntry): void {
    const stamp = Math.max(this.#nowMs(), (this.#table.get(entry.id)?.stamp ?? 0) + 1);
    this.#table.put({ ...entry, stamp });
    const revocation = revocationOf(this.#table.get(entry.id) ?? entry);
    if (revocation !== undefined) for (const listener of this.#listeners) listener(revocation);
  }

  #nowMs(): number {
    return this.#clock.date().getTime();
  }
}
