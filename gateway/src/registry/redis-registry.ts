import type { CommandConnection } from "../redis/command-connection.ts";
import { openCommands } from "../redis/open-connections.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { DEFAULT_REDIS_BOUNDS, type RedisBounds } from "../redis/redis-options.ts";
import type { RedisRuntime } from "../redis/redis-runtime.ts";
import { type RedisTopology, topologyOf } from "../redis/redis-topology.ts";
import { EntryClaims } from "./redis-entry-claims.ts";
import { EntryTransfers } from "./redis-entry-transfers.ts";
import { EntryWriter } from "./redis-entry-writer.ts";
import { type LeaseTiming, PodLease } from "./redis-lease.ts";
import { formatLease, isTexts, pairsOf, parseEntry, parseNext, type PodRow } from "./redis-registry-rows.ts";
import { LEAVE_SCRIPT } from "./redis-registry-scripts.ts";
import { endLeases, sweepDeadLeases, type SweepOptions, type SweptLease } from "./redis-sweep.ts";
import type {
  Claim,
  ClaimRequest,
  Lease,
  LiveNode,
  Owner,
  Registry,
  RegistryEntry,
  RegistryEvents,
  UserPods,
} from "./registry.ts";

export interface RedisRegistryTiming extends LeaseTiming {
  /** Longest wait of `start` for the first beat. Default 2,000. */
  readonly startTimeoutMs: number;
  /** Longest wait of `close` for the removal of this pod's entries; what is left then is swept by others. Default 3,000. */
  readonly closeTimeoutMs: number;
}

/** For metrics. */
export interface RedisRegistryHooks {
  readonly onSweep?: (swept: SweptLease) => void;
  /** A lease was gained; more than once in a pod's life means that it was cut off, or that Redis lost its data. */
  readonly onLease?: () => void;
}

export interface RedisRegistryOptions extends RedisRuntime, RedisRegistryHooks {
  readonly url: string | RedisTopology;
  readonly prefix: string;
  readonly podUid: string;
  /** Shown to the other nodes. */
  readonly revision: string;
  /** Whether Redis may drop keys by itself: then nobody can be sure where a user is. */
  readonly mayEvict?: () => boolean;
  readonly timing?: Partial<RedisRegistryTiming>;
  readonly bounds?: Partial<RedisBounds>;
}

const DEFAULT_TIMING: RedisRegistryTiming = {
  beatIntervalMs: 3_000,
  deadAfterMs: 10_000,
  awayAfterMs: 6_000,
  graceMs: 12_000,
  startTimeoutMs: 2_000,
  closeTimeoutMs: 3_000,
};

/** Throws RedisUrlError. Nothing is connected before `start`. */
export function openRedisRegistry(options: RedisRegistryOptions): Registry {
  if (!/^[^\s:]+$/.test(options.podUid)) throw new TypeError("the pod uid must have no spaces and no colons");
  return new RedisRegistry(options);
}

class RedisRegistry implements Registry {
  readonly #options: RedisRegistryOptions;
  readonly #timing: RedisRegistryTiming;
  readonly #keys: RedisKeys;
  readonly #commands: CommandConnection;
  readonly #lease: PodLease;
  readonly #writer: EntryWriter;
  readonly #claims: EntryClaims;
  readonly transfers: EntryTransfers;
  #events: RegistryEvents = {};
  #sweeping: Promise<void> | undefined;
  #onceLeased: (() => void) | undefined;

  constructor(options: RedisRegistryOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#keys = new RedisKeys(options.prefix);
    const { clock, random, log, podUid, revision } = options;
    this.#commands = openCommands(topologyOf(options.url), {
      clock,
      random,
      log,
      bounds: { ...DEFAULT_REDIS_BOUNDS, ...options.bounds },
      name: "belay-registry",
      homeKey: this.#keys.pods,
      onAvailable: (available) => void (available && this.#beatAndWrite()),
      onLoss: () => void this.#lease.beatSoon(),
    });
    const shared = { commands: this.#commands, keys: this.#keys };
    this.#lease = new PodLease({
      ...shared,
      clock,
      random,
      podUid,
      revision,
      timing: this.#timing,
      onLease: () => this.#gainLease(),
      onDead: () => void this.#sweep(),
    });
    this.#writer = new EntryWriter({
      ...shared,
      lease: this.#lease,
      onContested: (entry, winner, outcome) => {
        if (outcome === "superseded") this.#events.onSuperseded?.(entry);
        else this.#events.onTakenOver?.({ user: entry.user, client: entry.client, winner }, outcome.formerPodUid);
      },
    });
    this.transfers = new EntryTransfers({
      ...shared,
      writer: this.#writer,
      lease: this.#lease,
      hasEnded: async (lease) => {
        await this.#lease.beat();
        return this.#lease.held && !isLive(this.#lease.livePods(), lease);
      },
    });
    this.#claims = new EntryClaims({
      ...shared,
      usableLease: () => this.#writer.usableLease(),
      deadLeases: () => this.#lease.deadLeases,
      onGranted: (request, lease) => this.#writer.adopt(request, lease),
      onUnknown: (request) => this.#writer.adopt(request),
    });
  }

  get leaseHeld(): boolean {
    return this.#lease.held;
  }

  get lease(): Lease | undefined {
    return this.#lease.current;
  }

  /** Resolves with the first beat or after `startTimeoutMs`, whichever is first. */
  async start(events: RegistryEvents = {}): Promise<void> {
    this.#events = events;
    const first = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#timing.startTimeoutMs);
      this.#onceLeased = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#commands.open();
    await first;
  }

  add(entry: RegistryEntry): Promise<void> {
    return this.#writer.add(entry);
  }

  remove(entry: RegistryEntry): void {
    this.#writer.remove(entry);
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    const claim = await this.#claims.claim(request);
    if (claim.isGranted) return claim;
    // A pod that came up after the last beat is not in the table yet, one that died since is.
    if (claim.holders.some(({ podUid }) => !this.#lease.knows(podUid))) await this.#lease.beat();
    const live = new Set(this.#livePods());
    const gone = claim.holders.flatMap(({ client, podUid }) => (live.has(podUid) ? [] : [client]));
    return gone.length === 0 ? claim : this.#claims.claim({ ...request, notCounted: [...request.notCounted, ...gone] });
  }

  async owners(user: string): Promise<readonly Owner[]> {
    return this.#liveOwners(user, (value) => [parseEntry(value)]);
  }

  /** One for each lease that `read` finds in an entry and that lives. */
  async #liveOwners(user: string, read: (value: string) => readonly (Lease | undefined)[]): Promise<readonly Owner[]> {
    const flat = await this.#commands.call("HGETALL", this.#keys.user(user));
    if (!isTexts(flat)) return [];
    if (!this.#lease.held) await this.#lease.beat();
    const entries = pairsOf(flat).flatMap(([client, value]) => read(value).map((lease) => ({ client, lease })));
    // A pod that came up after the last beat is not in the table yet.
    const unknown = entries.some(({ lease }) => lease !== undefined && !isLive(this.#lease.livePods(), lease));
    if (unknown) await this.#lease.beat();
    const live = this.#lease.livePods();
    return entries.flatMap(({ client, lease }) =>
      lease !== undefined && isLive(live, lease) ? [{ client, podUid: lease.podUid }] : [],
    );
  }

  async podsOf(user: string): Promise<UserPods> {
    if (user !== "" && this.#mayBeSure) {
      const [podUids, isRowThere] = await Promise.all([this.#ownersPods(user), this.#isRowThere()]);
      if (isRowThere && this.#mayBeSure) return { podUids, mayBeOthers: this.#mayBeOthers };
    }
    await this.#lease.beat();
    const podUids = this.#lease.unsurePods ?? (user === "" ? this.#livePods() : await this.#ownersPods(user));
    return { podUids, mayBeOthers: this.#mayBeOthers };
  }

  async isLive(podUid: string): Promise<boolean> {
    if (this.#lease.held && this.#livePods().includes(podUid)) return true;
    await this.#lease.beatSoon();
    return this.#livePods().includes(podUid);
  }

  async liveNodes(): Promise<readonly LiveNode[]> {
    return this.#lease.livePods().map(({ podUid, revision }) => ({ podUid, revision }));
  }

  async sweep(podUids: readonly string[]): Promise<void> {
    const others = podUids.filter((podUid) => podUid !== this.#options.podUid);
    await endLeases(this.#sweepOptions, others);
    // The beat shows this pod that they are gone, and begins the sweep.
    await this.#lease.beat();
    await this.#sweep();
  }

  async flush(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    this.#writer.schedule();
    await Promise.race([this.#writer.whenIdle(), timeout]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.#onceLeased?.();
    this.#writer.removeAll();
    await this.flush(this.#timing.closeTimeoutMs);
    const isClean = this.#writer.isIdle;
    this.#writer.stop();
    this.#lease.stop();
    await this.#leave(isClean);
    this.#commands.close();
  }

  async #leave(isClean: boolean): Promise<void> {
    const lease = this.#lease.current;
    if (lease === undefined) return;
    try {
      await this.#commands.run(
        LEAVE_SCRIPT,
        [this.#keys.pods, this.#keys.dead, this.#keys.complete],
        [lease.podUid, lease.term, isClean ? 0 : 1],
      );
    } catch {
      this.#options.log.warn(
        { lease: formatLease(lease) },
        "the registry was left without saying so: other pods sweep it",
      );
    }
  }

  #livePods(): readonly string[] {
    return this.#lease.livePods().map(({ podUid }) => podUid);
  }

  async #ownersPods(user: string): Promise<readonly string[]> {
    const owners = await this.#liveOwners(user, (value) => [parseEntry(value), parseNext(value)]);
    return [...new Set(owners.map(({ podUid }) => podUid))];
  }

  /** Nothing is known of a Redis process that did not answer a beat yet. */
  get #mayBeSure(): boolean {
    return (
      this.#lease.held &&
      this.#lease.runId === this.#commands.runIdOf(this.#keys.pods).split(":", 1)[0] &&
      this.#lease.unsurePods === undefined
    );
  }

  get #mayBeOthers(): boolean {
    return this.#lease.isYoung || this.#options.mayEvict?.() === true;
  }

  /** A Redis that lost its data has lost this pod's row too. */
  async #isRowThere(): Promise<boolean> {
    const row = await this.#commands.call("HGET", this.#keys.pods, this.#options.podUid);
    return typeof row === "string" && row.startsWith(`${this.#lease.current?.term ?? ""} `);
  }

  /** What could not be written is missed until then. */
  async #beatAndWrite(): Promise<void> {
    await this.#lease.beat();
    this.#writer.schedule();
  }

  #gainLease(): void {
    this.#options.onLease?.();
    const others = this.#events.onLease?.() ?? Promise.resolve();
    this.#onceLeased?.();
    this.#writer.writeAgain(others);
  }

  get #sweepOptions(): SweepOptions {
    return { commands: this.#commands, keys: this.#keys, leader: this.#options.podUid };
  }

  /** Never rejects: the next beat shows what is left. */
  #sweep(): Promise<void> {
    this.#sweeping ??= sweepDeadLeases(this.#sweepOptions)
      .then((swept) => swept.forEach((each) => this.#onSwept(each)))
      .catch(() => undefined)
      .finally(() => (this.#sweeping = undefined));
    return this.#sweeping;
  }

  #onSwept(swept: SweptLease): void {
    const { podUid, term, entries, members } = swept;
    this.#options.onSweep?.(swept);
    this.#options.log.info({ podUid, term, entries, members }, "swept the entries of a dead pod");
  }
}

function isLive(pods: readonly PodRow[], lease: { readonly podUid: string; readonly term: string }): boolean {
  return pods.some(({ podUid, term }) => podUid === lease.podUid && term === lease.term);
}
