import { BrokerUnavailableError } from "../broker/broker.ts";
import type { Clock, Random } from "../clock.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import { type BeatTable, parseBeat, type PodRow } from "./redis-registry-rows.ts";
import type { Lease } from "./registry.ts";
import { BEAT_SCRIPT } from "./redis-registry-scripts.ts";

export interface LeaseTiming {
  /** Default 3,000. */
  readonly beatIntervalMs: number;
  /** Silence after which a pod's lease ends. Default 10,000. */
  readonly deadAfterMs: number;
  /** When nobody has beaten for this long, Redis was away, and nobody is dead. Default two intervals. */
  readonly awayAfterMs: number;
  /** How long no lease ends after Redis started or was away. Default 12,000. */
  readonly graceMs: number;
}

export interface PodLeaseOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  readonly podUid: string;
  readonly revision: string;
  readonly timing: LeaseTiming;
  /** A lease was gained: everything that is to stand under it has to be written. */
  readonly onLease: (lease: Lease) => void;
  /** After each beat, with leases that have ended and are not swept. */
  readonly onDead: (dead: readonly Lease[]) => void;
}

/** A failed beat is repeated after this long. */
const RETRY_MS = 500;

/** Beats that somebody asks for are this far apart. */
const SOON_MS = 250;

/** Holds this pod's lease by beating, and knows the table that the last beat returned. */
export class PodLease {
  readonly #options: PodLeaseOptions;
  #term = "";
  #table: BeatTable | undefined;
  /** Local time at which the last successful beat was sent. */
  #beatAtMs = Number.NEGATIVE_INFINITY;
  #beating: Promise<void> | undefined;
  #soon: Promise<void> | undefined;
  #awaited: readonly string[] = [];
  #awaitedUntilMs = Number.NEGATIVE_INFINITY;
  /** `losses` of the connection when the last successful beat was sent. */
  #losses = 0;
  #doubtUntilMs = Number.NEGATIVE_INFINITY;
  /** Local time until which a pod may live that was in no table of this one. */
  #youngUntilMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: PodLeaseOptions) {
    this.#options = options;
  }

  /** Undefined until the first beat has succeeded. */
  get current(): Lease | undefined {
    return this.#term === "" ? undefined : { podUid: this.#options.podUid, term: this.#term };
  }

  /** Run id of the Redis that answered the last beat. */
  get runId(): string | undefined {
    return this.#table?.runId;
  }

  /** Leases that have ended and may not be swept yet, as the last beat saw them. */
  get deadLeases(): readonly Lease[] {
    return this.#table?.dead ?? [];
  }

  /** Whether the last beat saw a pod of this uid alive. */
  knows(podUid: string): boolean {
    return this.#table?.pods.some((pod) => pod.podUid === podUid) ?? false;
  }

  /** Whether the lease cannot have ended yet, by this pod's own clock. */
  get held(): boolean {
    return this.#options.clock.nowMs() - this.#beatAtMs < this.#options.timing.deadAfterMs;
  }

  /** Beats now, or joins the beat that is under way. Never rejects. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => (this.#beating = undefined));
    return this.#beating;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * Whether the lease began so lately that Redis may have lost pods that have not beaten since: those that came after this pod's last
   * look at the table before, or before it came itself.
   */
  get isYoung(): boolean {
    return this.#options.clock.nowMs() < this.#youngUntilMs;
  }

  /**
   * Pods to ask when entries may be missing; undefined while they are all there. After Redis lost data the pods known before are
   * awaited too, until they are back or their leases would have ended; after a loss on another server of a cluster for as long.
   */
  get unsurePods(): readonly string[] | undefined {
    const complete = this.#table?.complete;
    const live = this.livePods();
    const uids = new Set(live.map(({ podUid }) => podUid));
    const awaited = this.#awaited.filter((uid) => !uids.has(uid));
    const isAwaiting = awaited.length > 0 && this.#options.clock.nowMs() < this.#awaitedUntilMs;
    const isDoubted = this.#hasLost || this.#options.clock.nowMs() < this.#doubtUntilMs;
    const isSure = !isAwaiting && !isDoubted && live.every(({ podUid, term }) => complete?.get(podUid) === term);
    return isSure ? undefined : [...uids, ...(isAwaiting ? awaited : [])];
  }

  /** A server of a cluster may have forgotten entries since the last beat. */
  get #hasLost(): boolean {
    return this.#options.commands.losses !== this.#losses;
  }

  /** Beats soon, together with whoever else wants it: many strangers must not be many beats. */
  beatSoon(): Promise<void> {
    const waitMs = Math.max(0, this.#beatAtMs + SOON_MS - this.#options.clock.nowMs());
    this.#soon ??= new Promise<void>((resolve) => setTimeout(resolve, waitMs))
      .then(() => this.beat())
      .finally(() => (this.#soon = undefined));
    return this.#soon;
  }

  /** Pods whose leases live. Rejects with BrokerUnavailableError while this pod cannot know. */
  livePods(): readonly PodRow[] {
    const table = this.#table;
    if (table === undefined || !this.held) throw new BrokerUnavailableError("the registry was not read lately");
    const redisNowMs = table.nowMs + (this.#options.clock.nowMs() - this.#beatAtMs);
    if (redisNowMs < table.calmUntilMs) return table.pods;
    return table.pods.filter(({ beatMs }) => redisNowMs - beatMs <= this.#options.timing.deadAfterMs);
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    const sentAtMs = this.#options.clock.nowMs();
    const { losses } = this.#options.commands;
    try {
      const table = await this.#send(losses !== this.#losses);
      if (!this.#stopped) this.#accept(table, { sentAtMs, losses });
    } catch {
      // The connection logs the outage once; `held` tells what follows from it.
      this.#arm(RETRY_MS);
    }
  }

  async #send(hasLost: boolean): Promise<BeatTable> {
    const { commands, keys, podUid, revision, timing } = this.#options;
    const reply = await commands.run(
      BEAT_SCRIPT,
      [keys.pods, keys.dead, keys.calm, keys.complete],
      [
        podUid,
        this.#term,
        revision,
        timing.deadAfterMs,
        timing.awayAfterMs,
        timing.graceMs,
        hasLost ? "" : (this.#table?.runId ?? ""),
      ],
    );
    const table = parseBeat(reply);
    if (table === undefined)
      throw new BrokerUnavailableError("Redis answered a beat with something else than the table");
    return table;
  }

  #accept(table: BeatTable, { sentAtMs, losses }: { readonly sentAtMs: number; readonly losses: number }): void {
    const isNew = table.term !== this.#term;
    if (isNew) this.#youngUntilMs = sentAtMs + this.#options.timing.deadAfterMs;
    if (isNew && this.#table !== undefined) {
      this.#awaited = this.#table.pods.map(({ podUid }) => podUid);
      this.#awaitedUntilMs = sentAtMs + this.#options.timing.deadAfterMs;
    }
    // Their rows are on a server that has lost nothing: they look complete until they have seen it too.
    if (losses !== this.#losses && table.runId === this.#table?.runId)
      this.#doubtUntilMs = sentAtMs + this.#options.timing.deadAfterMs;
    this.#losses = losses;
    this.#table = table;
    this.#beatAtMs = sentAtMs;
    this.#term = table.term;
    this.#arm(this.#nextBeatMs(table));
    if (isNew) this.#options.onLease({ podUid: this.#options.podUid, term: table.term });
    if (table.dead.length > 0) this.#options.onDead(table.dead);
  }

  /** The regular interval, or sooner when another pod's lease would end before: the sweep must not wait for the next beat. */
  #nextBeatMs(table: BeatTable): number {
    const { timing, random, podUid } = this.#options;
    let nextMs = timing.beatIntervalMs;
    for (const pod of table.pods) {
      if (pod.podUid === podUid) continue;
      const endsInMs = Math.max(pod.beatMs + timing.deadAfterMs, table.calmUntilMs) - table.nowMs;
      // A little later than the end, and not every survivor at once.
      nextMs = Math.min(nextMs, Math.max(endsInMs, 0) + timing.beatIntervalMs * (0.02 + 0.08 * random()));
    }
    return nextMs;
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.beat(), delayMs);
  }
}
