import { BrokerUnavailableError } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { BatchCommand, PartitionMoves } from "./command-connection.ts";
import { keySlot } from "./key-slot.ts";
import { adoptMoved, type MovesShard, type MoveQuestion, placeOf } from "./move-proof.ts";
import type { RedisLog } from "./redis-runtime.ts";
import { RunWitness } from "./run-witness.ts";

interface BatchShard extends MovesShard {
  outcomes(commands: readonly BatchCommand[]): Promise<readonly unknown[]>;
}

export interface SlotMovesOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: RedisLog;
  /** Hashes with `run` and `id`: the process and the history that they were written under. */
  readonly keys: readonly string[];
  /** By name, `host:port`. */
  readonly shards: ReadonlyMap<string, BatchShard>;
  readonly ownerOf: (slot: number) => string | undefined;
  /** Names of all primaries, those without slots included. */
  readonly primaries: () => ReadonlySet<string>;
}

/** Somebody else may be able to prove what this node cannot: so long it waits, milliseconds. */
const PATIENCE_MS = 1_500;
const AGAIN_MS = 50;
/** Longer without a question, and the next one begins to wait anew, milliseconds. */
const WAIT_GAP_MS = 500;
/** Between two looks at all keys: a key that came since was seen by those only who used it. */
const LOOK_INTERVAL_MS = 10_000;

interface Wait {
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** `moving`: keys of the slot are still on their way. `impossible`: there is nobody who could prove it. */
type Verdict = "adopted" | "impossible" | "moving" | "unproved";

/**
 * Finds out whether a slot came to a server as a whole, from the process that its data name (ADR 0017): the partitions of the slot go
 * on in their terms then, and their epochs live.
 */
export class SlotMoves implements PartitionMoves {
  readonly #options: SlotMovesOptions;
  readonly #witness = new RunWitness();
  readonly #proving = new Map<string, Promise<Verdict>>();
  readonly #waits = new Map<string, Wait>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SlotMovesOptions) {
    this.#options = options;
  }

  open(): void {
    this.#timer = setInterval(() => void this.#look(this.#options.keys), LOOK_INTERVAL_MS);
  }

  mark(): number {
    return this.#witness.mark();
  }

  served(key: string, run: string, mark: number): void {
    this.#witness.served(key, run, mark);
  }

  /** A server told what it runs. */
  learned(run: string): void {
    if (this.#witness.learned(run)) void this.#look(this.#options.keys);
  }

  /** There is a connection to this server. */
  async lookAt(name: string): Promise<void> {
    await this.#look(this.#options.keys.filter((key) => this.#options.ownerOf(keySlot(key)) === name));
  }

  /** These slots have another owner: what is there is adopted before anybody asks for it. */
  async follow(slots: readonly number[]): Promise<void> {
    const moved = new Set(slots);
    await this.#look(this.#options.keys.filter((key) => moved.has(keySlot(key))));
  }

  async settle(key: string, run: string): Promise<"again" | "end"> {
    const id = `${key} ${run}`;
    const isOver = this.#waitedMs(id) >= PATIENCE_MS;
    const verdict = await this.#proveOnce(id, { key, slot: keySlot(key), run });
    if (verdict === "unproved" && !isOver) {
      await pause();
      return "again";
    }
    this.#waits.delete(id);
    if (verdict === "moving") throw new BrokerUnavailableError("the channel's slot is on its way to another server");
    if (verdict === "adopted") return "again";
    this.#options.log.warn({ key, run }, "a partition was written by another Redis: its epochs end");
    return "end";
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  /** Sees which of the keys are where their run is; those that followed their slot are adopted. Never rejects. */
  async #look(keys: readonly string[]): Promise<void> {
    const byOwner = Map.groupBy(keys, (key) => this.#options.ownerOf(keySlot(key)));
    await Promise.all([...byOwner].map(([owner, ofOwner]) => this.#lookThere(owner, ofOwner)));
  }

  async #lookThere(owner: string | undefined, keys: readonly string[]): Promise<void> {
    const shard = owner === undefined ? undefined : this.#options.shards.get(owner);
    if (shard?.available !== true) return;
    const mark = this.#witness.mark();
    const replies = await shard
      .outcomes(keys.map((key) => ({ command: "HMGET", args: [key, "run", "id"] })))
      .catch((): readonly unknown[] => []);
    const foreign: Promise<void>[] = [];
    for (const [index, key] of keys.entries()) {
      const run = runIn(replies[index]);
      if (run === undefined) continue;
      if (run === shard.runIdOf()) this.#witness.served(key, run, mark);
      else foreign.push(this.#adopt({ key, slot: keySlot(key), run }));
    }
    await Promise.all(foreign);
  }

  /** Until it is adopted, or nobody waits any more. */
  async #adopt(question: MoveQuestion): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + PATIENCE_MS;
    while (!this.#isClosed && clock.nowMs() < untilMs) {
      const verdict = await this.#proveOnce(`${question.key} ${question.run}`, question);
      if (verdict === "adopted") return void this.#look([question.key]);
      if (verdict === "impossible") return;
      await pause();
    }
  }

  #waitedMs(id: string): number {
    const nowMs = this.#options.clock.nowMs();
    const known = this.#waits.get(id);
    const sinceMs = known === undefined || nowMs - known.lastMs > WAIT_GAP_MS ? nowMs : known.sinceMs;
    this.#waits.set(id, { sinceMs, lastMs: nowMs });
    return nowMs - sinceMs;
  }

  #proveOnce(id: string, question: MoveQuestion): Promise<Verdict> {
    const running = this.#proving.get(id);
    if (running !== undefined) return running;
    const proving = this.#prove(question)
      // A server that does not answer proves nothing, and somebody else may reach it.
      .catch((): Verdict => "unproved")
      .finally(() => this.#proving.delete(id));
    this.#proving.set(id, proving);
    return proving;
  }

  async #prove(question: MoveQuestion): Promise<Verdict> {
    const { shards, ownerOf } = this.#options;
    const { key, slot, run } = question;
    const name = ownerOf(slot) ?? "";
    const owner = shards.get(name);
    if (owner === undefined) return "unproved";
    const place = await placeOf({ name, shard: owner }, { key, slot });
    if (place === undefined) return "moving";
    const here = shards.get(place.name);
    const there = [...shards.values()].find((shard) => shard.runIdOf() === run);
    // Only the process itself can say that it gave the slot away.
    if (there === undefined) return this.#areAllKnown() ? "impossible" : "unproved";
    if (here === undefined || here === there || !this.#areUnbroken(key, run)) return "unproved";
    if (!(await adoptMoved(question, there, { here, place }))) return "unproved";
    this.#options.log.info({ key, redis: place.name }, "a partition has moved as a whole: its epochs go on");
    return "adopted";
  }

  #areAllKnown(): boolean {
    const { shards, primaries } = this.#options;
    return [...primaries()].every((name) => (shards.get(name)?.runIdOf() ?? "") !== "");
  }

  /** No primary is another one than when the key was last seen with that run: wherever it was since, nothing was forgotten. */
  #areUnbroken(key: string, run: string): boolean {
    const { shards, primaries } = this.#options;
    return [...primaries()].every((name) => {
      const shard = shards.get(name);
      return shard?.available === true && this.#witness.knewBefore(shard.runIdOf(), key, run);
    });
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, AGAIN_MS));
}

/** Of HMGET. */
function runIn(reply: unknown): string | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [run, id] = reply as readonly unknown[];
  return typeof run === "string" && typeof id === "string" ? `${run}:${id}` : undefined;
}
