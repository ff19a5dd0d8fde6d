import type { Redis } from "ioredis";
import { createRedis, type RedisBounds } from "./redis-options.ts";
import { reconnectDelayMs, type RedisRuntime } from "./redis-runtime.ts";
import { type ClusterTopology, formatEndpoint, nodeOf } from "./redis-topology.ts";
import { SlotTable } from "./slot-table.ts";

export interface ClusterViewOptions extends RedisRuntime {
  readonly topology: ClusterTopology;
  readonly name: string;
  readonly bounds: RedisBounds;
  /** The table is another one, or a primary came or went; slots that another server holds now. */
  readonly onChange: (moved: readonly number[]) => void;
}

/**
 * What nobody tells of (a node that was added, a replica that took over while nothing was sent) is seen after this long. A node has to be
 * known before slots move to it, or their epochs end.
 */
const LOOK_INTERVAL_MS = 1_000;
/** Between two looks while something is wrong. */
const HURRIED_MS = 100;
/** A slot counts as moving for this long after it was seen to: the nodes of a cluster agree within seconds. */
const UNSETTLED_MS = 30_000;

interface Movement {
  readonly formerOwner: string | undefined;
  readonly untilMs: number;
}

/** Keeps the slot table of a cluster: asks one node after another, and learns from what servers answer to commands. */
export class ClusterView {
  readonly #options: ClusterViewOptions;
  readonly #movements = new Map<number, Movement>();
  #table: SlotTable | undefined;
  #asked: Redis | undefined;
  #next = 0;
  #failures = 0;
  #isHurried = false;
  #isLooking = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  get table(): SlotTable | undefined {
    return this.#table;
  }

  open(): void {
    void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#asked?.disconnect();
  }

  /** Something does not fit the table: another node is asked soon. */
  doubt(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    if (!this.#isLooking) this.#arm(HURRIED_MS);
  }

  /** A server said that another one holds the slot. */
  learn(slot: number, owner: string): void {
    if (this.#table !== undefined) this.#accept(this.#table.withMoved(slot, owner));
    this.doubt();
  }

  /** The slot is on its way: its scripts may run where nobody is subscribed. */
  markMoving(slot: number): void {
    const formerOwner = this.#movements.get(slot)?.formerOwner;
    this.#movements.set(slot, { formerOwner, untilMs: this.#options.clock.nowMs() + UNSETTLED_MS });
  }

  isSettled(slot: number): boolean {
    return this.#movement(slot) === undefined;
  }

  /** Who held the slot until a moment ago. */
  formerOwnerOf(slot: number): string | undefined {
    return this.#movement(slot)?.formerOwner;
  }

  #movement(slot: number): Movement | undefined {
    const movement = this.#movements.get(slot);
    if (movement === undefined || movement.untilMs > this.#options.clock.nowMs()) return movement;
    this.#movements.delete(slot);
    return undefined;
  }

  #accept(table: SlotTable): void {
    const known = this.#table;
    this.#table = table;
    const moved = known?.movedIn(table) ?? [];
    const untilMs = this.#options.clock.nowMs() + UNSETTLED_MS;
    for (const slot of moved) this.#movements.set(slot, { formerOwner: known?.ownerOf(slot), untilMs });
    const isOther = known?.primaries.symmetricDifference(table.primaries).size !== 0;
    if (isOther || moved.length > 0) this.#options.onChange(moved);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    // In doubt nobody is asked twice in a row: a node may be cut off from the others.
    if (this.#isHurried) this.#drop();
    this.#isHurried = false;
    const table = await this.#ask();
    this.#isLooking = false;
    if (this.#isClosed) return;
    if (table === undefined) {
      this.#drop();
      this.#failures += 1;
    } else {
      this.#failures = 0;
      this.#accept(table);
    }
    this.#arm(this.#pauseMs());
  }

  #pauseMs(): number {
    const { random, bounds } = this.#options;
    if (this.#failures > 0) return reconnectDelayMs(this.#failures, bounds.reconnectCapMs, random);
    return this.#isHurried ? HURRIED_MS : LOOK_INTERVAL_MS * (0.8 + 0.2 * random());
  }

  async #ask(): Promise<SlotTable | undefined> {
    try {
      const redis = (this.#asked ??= await this.#connect());
      const [slots, nodes] = await Promise.all([
        redis.cluster("SLOTS"),
        // Who may not ask this does not see primaries without slots.
        redis.call("CLUSTER", "NODES").catch(() => ""),
      ]);
      return SlotTable.parse(slots, redis.options.host ?? "", nodes);
    } catch {
      // The next node is asked.
      return undefined;
    }
  }

  async #connect(): Promise<Redis> {
    const { topology, name, bounds, random } = this.#options;
    const { nodes } = topology.newest?.() ?? topology;
    const candidates = [...new Set([...(this.#table?.nodes ?? []), ...nodes.map(formatEndpoint)])];
    const endpoint = candidates[this.#next % candidates.length] ?? "";
    this.#next += 1;
    const redis = createRedis({
      target: nodeOf(endpoint, topology),
      name: `${name}-topology`,
      bounds,
      random,
      pipelined: false,
      isClosed: () => true,
    });
    redis.on("error", () => undefined);
    try {
      await redis.connect();
    } catch (error) {
      redis.disconnect();
      throw error;
    }
    return redis;
  }

  #drop(): void {
    this.#asked?.disconnect();
    this.#asked = undefined;
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#look(), delayMs);
  }
}
