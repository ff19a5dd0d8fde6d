import { BrokerUnavailableError } from "../broker/broker.ts";
import type { Clock, Random } from "../clock.ts";
import type { NodeBus } from "../node/node-bus.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import { BanTable, MAX_BANS } from "./ban-table.ts";
import { type Banned, banName, type Bans } from "./bans.ts";
import { PUT_BANS_SCRIPT, READ_BANS_SCRIPT } from "./redis-ban-scripts.ts";

export interface RedisBansOptions {
  readonly commands: Pick<CommandConnection, "run" | "available">;
  readonly keys: RedisKeys;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  /** Tells the other nodes to look at once. */
  readonly bus: Pick<NodeBus, "tell" | "on">;
  /** Between two looks when nobody tells, milliseconds. Default 1,000. */
  readonly syncIntervalMs?: number;
}

/** Kind of the node message; its body says nothing, what is true stands in Redis. */
const MESSAGE_KIND = "bans";
/** Bans read or written at a time. */
const PAGE = 500;
/** Less of a ban is not stored again. */
const ALMOST_OVER_MS = 1_000;

/**
 * Every node holds the whole list and reads what changed once a second, and whenever another node says so; a node that starts
 * reads all of it. After each connect, and when Redis has fewer bans than are known here, everything is read again, and written
 * what this node knows and Redis has lost.
 */
export class RedisBans implements Bans {
  readonly #options: RedisBansOptions;
  readonly #keys: readonly string[];
  readonly #table = new BanTable();
  /** Known only here so far. */
  readonly #unstored = new Set<string>();
  #version = "0";
  #syncing: Promise<void> | undefined;
  #isStale = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: RedisBansOptions) {
    this.#options = options;
    this.#keys = [options.keys.bans, options.keys.banVersions];
    options.bus.on(MESSAGE_KIND, () => void this.sync());
  }

  get size(): number {
    return this.#table.size;
  }

  start(): void {
    this.#arm();
  }

  isBanned(who: Banned): boolean {
    return this.#table.has(banName(who), this.#options.clock.nowMs());
  }

  async ban(who: Banned, seconds: number): Promise<void> {
    const name = banName(who);
    this.#table.add(name, this.#options.clock.nowMs() + seconds * 1000);
    this.#unstored.add(name);
    await this.sync();
    // Stored is stored: a node that does not hear this looks within a second.
    if (!this.#unstored.has(name)) await this.#options.bus.tell("all", MESSAGE_KIND, {}).catch(() => undefined);
  }

  /** It may be another Redis than before, or the same with less in it. */
  reconnected(): Promise<void> {
    this.#version = "0";
    return this.sync();
  }

  /** Looks at Redis now; whoever comes while that is under way gets a look that began after. Never rejects. */
  sync(): Promise<void> {
    this.#isStale = true;
    this.#syncing ??= this.#syncUntilFresh().finally(() => (this.#syncing = undefined));
    return this.#syncing.then(() => (this.#isStale && this.#canLook ? this.sync() : undefined));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#syncing;
  }

  get #canLook(): boolean {
    return this.#options.commands.available && !this.#isClosed;
  }

  async #syncUntilFresh(): Promise<void> {
    while (this.#isStale && this.#canLook) {
      this.#isStale = false;
      try {
        await this.#read();
        await this.#write();
      } catch {
        // The connection logs the outage once; the next look comes within a second.
        return;
      }
    }
  }

  async #read(): Promise<void> {
    if (await this.#readOn()) return;
    this.#version = "0";
    await this.#readOn();
  }

  /** What changed since the version that is known. False where Redis has fewer bans than this node: it has lost some. */
  async #readOn(): Promise<boolean> {
    const isWhole = this.#version === "0";
    const stored = new Set<string>();
    let page: BanPage;
    do {
      page = await this.#readPage();
      const nowMs = this.#options.clock.nowMs();
      for (const { name, leftMs } of page.rows) {
        if (leftMs <= 0) continue;
        stored.add(name);
        this.#table.add(name, nowMs + leftMs);
      }
    } while (page.rows.length === PAGE);
    const nowMs = this.#options.clock.nowMs();
    // By Redis' clock the last of a ban may be over already.
    const known = this.#table.entries(nowMs).filter(([, untilMs]) => untilMs > nowMs + ALMOST_OVER_MS);
    const expected = known.filter(([name]) => !this.#unstored.has(name));
    if (!isWhole) return expected.length <= page.count;
    for (const [name] of expected) if (!stored.has(name)) this.#unstored.add(name);
    return true;
  }

  async #readPage(): Promise<BanPage> {
    const reply = await this.#options.commands.run(READ_BANS_SCRIPT, this.#keys, [this.#version, PAGE]);
    const page = pageOf(reply);
    this.#version = page.rows.at(-1)?.version ?? this.#version;
    return page;
  }

  async #write(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const lost = this.#table.entries(nowMs).filter(([name]) => this.#unstored.has(name));
    for (let start = 0; start < lost.length; start += PAGE) {
      const page = lost.slice(start, start + PAGE);
      const args = page.flatMap(([name, untilMs]) => [name, Math.ceil(untilMs - nowMs)]);
      await this.#options.commands.run(PUT_BANS_SCRIPT, this.#keys, [MAX_BANS, ...args]);
      for (const [name] of page) this.#unstored.delete(name);
    }
    // What ended meanwhile needs no place.
    if (lost.length === 0) this.#unstored.clear();
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { syncIntervalMs = 1_000, random } = this.#options;
    this.#timer = setTimeout(() => void this.sync().then(() => this.#arm()), syncIntervalMs * (0.8 + 0.2 * random()));
  }
}

interface StoredBan {
  readonly version: string;
  readonly name: string;
  readonly leftMs: number;
}

interface BanPage {
  /** Bans in Redis that have not ended. */
  readonly count: number;
  readonly rows: readonly StoredBan[];
}

/** What no node of ours can have written is left out. */
function pageOf(reply: unknown): BanPage {
  if (!Array.isArray(reply)) throw new BrokerUnavailableError("Redis answered with something else than bans");
  const [count, ...texts] = (reply as unknown[]).map(String);
  const rows = texts.flatMap((version, at) => {
    const [name = "", leftMs = ""] = [texts[at + 1], texts[at + 2]];
    return at % 3 === 0 ? [{ version, name, leftMs: Number(leftMs) }] : [];
  });
  return { count: Number(count), rows };
}
