import { MAX_REVOCATIONS, type Revocation, RevocationLimitError, type Revocations } from "../auth/verifier.ts";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { NodeBus } from "../node/node-bus.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import { openCommands } from "../redis/open-connections.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { DEFAULT_REDIS_BOUNDS, type RedisBounds } from "../redis/redis-options.ts";
import type { RedisRuntime } from "../redis/redis-runtime.ts";
import { type RedisTopology, topologyOf } from "../redis/redis-topology.ts";
import {
  PRUNE_REVOCATIONS_SCRIPT,
  PUT_REVOCATIONS_SCRIPT,
  READ_REVOCATIONS_SCRIPT,
} from "./redis-revocation-scripts.ts";
import { blockId, entryOf, type RevocationEntry, revocationOf, RevocationTable } from "./revocation-table.ts";

export interface RedisRevocationsOptions extends RedisRuntime {
  readonly clock: Clock;
  readonly url: string | RedisTopology;
  readonly prefix: string;
  /** Tells the other nodes to look at once. */
  readonly bus: Pick<NodeBus, "tell" | "on">;
  /** Between two looks when nobody tells, milliseconds. Default 1,000: with one command time-out a revocation acts within 2 s. */
  readonly syncIntervalMs?: number;
  /** Longest wait of `start`. Default 2,000. */
  readonly startTimeoutMs?: number;
  readonly bounds?: Partial<RedisBounds>;
}

/** Kind of the node message; its body says nothing, what is true stands in Redis. */
const MESSAGE_KIND = "revocations";
/** Entries read or written at a time. */
const PAGE = 500;
/** Throws RedisUrlError. Nothing is connected before `start`. */
export function openRedisRevocations(options: RedisRevocationsOptions): RedisRevocations {
  return new RedisRevocations(options);
}

/**
 * Every node holds the whole list and reads what changed once a second, and whenever another node says so. After each connect
 * it reads everything, and writes what Redis has lost.
 */
export class RedisRevocations implements Revocations {
  readonly #options: RedisRevocationsOptions;
  readonly #keys: readonly [entries: string, versions: string];
  readonly #commands: CommandConnection;
  readonly #table = new RevocationTable();
  readonly #listeners: ((revocation: Revocation) => void)[] = [];
  readonly #loaded = Promise.withResolvers<void>();
  #isLoaded = false;
  /** Empty: everything is to be read. */
  #epoch = "";
  #version = "0";
  #syncing: Promise<void> | undefined;
  #isStale = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: RedisRevocationsOptions) {
    const { clock, random, log, bus } = options;
    this.#options = options;
    const keys = new RedisKeys(options.prefix);
    this.#keys = [keys.revocations, keys.revocationVersions];
    this.#commands = openCommands(topologyOf(options.url), {
      clock,
      random,
      log,
      bounds: { ...DEFAULT_REDIS_BOUNDS, ...options.bounds },
      name: "belay-revocations",
      homeKey: keys.revocations,
      onAvailable: (available) => {
        // It may be another Redis than before, or the same with less in it.
        this.#readAll();
        if (available) void this.#sync();
      },
    });
    bus.on(MESSAGE_KIND, () => void this.#sync());
  }

  /** Whether the list was read once; before, this node must not be offered connections. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Resolves when the list is read or after `startTimeoutMs`, whichever is first. */
  async start(): Promise<void> {
    this.#commands.open();
    this.#arm();
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, this.#options.startTimeoutMs ?? 2_000);
    await Promise.race([this.#loaded.promise, timeout.promise]);
    clearTimeout(timer);
  }

  async add(revocation: Revocation): Promise<void> {
    const entry = entryOf(revocation, this.#nowSeconds());
    await this.#store({ ...entry, stamp: this.#table.get(entry.id)?.stamp ?? 0 });
  }

  async unblock(user: string): Promise<void> {
    await this.#sync();
    const block = this.#table.get(blockId(user));
    if (!this.#commands.available) throw new BrokerUnavailableError("Redis is not reachable");
    if (block !== undefined && !block.isLifted) await this.#store({ ...block, isLifted: true });
  }

  judge(claims: Parameters<Revocations["judge"]>[0]): "revoked" | "blocked" | undefined {
    return this.#table.judge(claims, this.#nowSeconds());
  }

  onRevocation(listener: (revocation: Revocation) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#commands.close();
    await this.#syncing;
  }

  async #store(entry: RevocationEntry): Promise<void> {
    const refused = await this.#put([entry], "new");
    if (refused > 0) throw new RevocationLimitError();
    await this.#sync();
    // Stored is stored: a node that does not hear this looks within a second.
    await this.#options.bus.tell("all", MESSAGE_KIND, {}).catch(() => undefined);
  }

  /** Looks at Redis now; whoever comes while that is under way gets a look that began after. Never rejects. */
  #sync(): Promise<void> {
    this.#isStale = true;
    this.#syncing ??= this.#syncUntilFresh().finally(() => (this.#syncing = undefined));
    // Whoever joins in the very moment it ends has not been looked for.
    return this.#syncing.then(() =>
      this.#isStale && this.#commands.available && !this.#isClosed ? this.#sync() : undefined,
    );
  }

  async #syncUntilFresh(): Promise<void> {
    while (this.#isStale && this.#commands.available && !this.#isClosed) {
      this.#isStale = false;
      try {
        await this.#read();
        await this.#prune();
      } catch {
        // The connection logs the outage once; the next look comes within a second.
        return;
      }
    }
  }

  async #read(): Promise<void> {
    const isWhole = this.#epoch === "";
    const stored = new Map<string, RevocationEntry>();
    for (let page = await this.#readPage(); page.length > 0; page = await this.#readPage()) {
      for (const entry of page) stored.set(entry.id, entry);
      for (const entry of page) this.#learn(entry);
      if (page.length < PAGE) break;
    }
    if (isWhole) await this.#restore(stored);
    this.#isLoaded = true;
    this.#loaded.resolve();
  }

  async #readPage(): Promise<readonly RevocationEntry[]> {
    const reply = await this.#commands.run(READ_REVOCATIONS_SCRIPT, this.#keys, [this.#epoch, this.#version, PAGE]);
    if (!isTexts(reply)) throw new BrokerUnavailableError("Redis answered with something else than revocations");
    const [epoch = "", ...rows] = reply;
    if (epoch !== this.#epoch && this.#epoch !== "") {
      // Emptied since the last look: what it lost is written again by the next one.
      this.#readAll();
      this.#isStale = true;
      return [];
    }
    this.#epoch = epoch;
    this.#version = rows.at(-2) ?? (epoch === "" ? "0" : this.#version);
    return rows.flatMap((id, at) => (at % 3 === 0 ? (parseEntry(id, rows[at + 2] ?? "") ?? []) : []));
  }

  /** The next look reads the list from its beginning. */
  #readAll(): void {
    this.#epoch = "";
    this.#version = "0";
  }

  /** Writes what this node knows and Redis does not: it was restarted without its data, or a replica was behind. */
  async #restore(stored: ReadonlyMap<string, RevocationEntry>): Promise<void> {
    const nowSeconds = this.#nowSeconds();
    const lost = this.#table.entries().filter((entry) => {
      const there = stored.get(entry.id);
      return entry.until > nowSeconds && (there === undefined || there.stamp < entry.stamp);
    });
    for (let start = 0; start < lost.length; start += PAGE) await this.#put(lost.slice(start, start + PAGE), "known");
    if (lost.length > 0)
      this.#options.log.warn({ revocations: lost.length }, "Redis had lost revocations: written again");
  }

  /** The number of entries that found no room. A new entry becomes younger than any this node knows. */
  async #put(entries: readonly RevocationEntry[], age: "new" | "known"): Promise<number> {
    const { random } = this.#options;
    const epoch = Math.floor(random() * 2 ** 48).toString(36);
    const args = entries.flatMap(({ id, until, issuedBefore, isLifted, stamp }) => [
      id,
      until,
      issuedBefore,
      isLifted ? 1 : 0,
      stamp,
    ]);
    return Number(await this.#commands.run(PUT_REVOCATIONS_SCRIPT, this.#keys, [epoch, MAX_REVOCATIONS, age, ...args]));
  }

  async #prune(): Promise<void> {
    const ended = this.#table.prune(this.#nowSeconds()).slice(0, PAGE);
    if (ended.length > 0) await this.#commands.run(PRUNE_REVOCATIONS_SCRIPT, this.#keys, ended);
  }

  #learn(entry: RevocationEntry): void {
    if (!this.#table.put(entry)) return;
    const revocation = revocationOf(this.#table.get(entry.id) ?? entry);
    if (revocation !== undefined) for (const listener of this.#listeners) listener(revocation);
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { syncIntervalMs = 1_000, random } = this.#options;
    this.#timer = setTimeout(() => void this.#sync().then(() => this.#arm()), syncIntervalMs * (0.8 + 0.2 * random()));
  }

  #nowSeconds(): number {
    return this.#options.clock.date().getTime() / 1000;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** Undefined for what no node of ours has written. */
function parseEntry(id: string, text: string): RevocationEntry | undefined {
  const [, stamp, until, issuedBefore, lifted] = /^(\d{1,15}) (\d{1,15}) (\d{1,15}) ([01])$/.exec(text) ?? [];
  if (stamp === undefined || !/^\["(user|token|block|all)"(,"(?:[^"\\]|\\.)*"){0,2}\]$/.test(id)) return undefined;
  return {
    id,
    stamp: Number(stamp),
    until: Number(until),
    issuedBefore: Number(issuedBefore),
    isLifted: lifted === "1",
  };
}
