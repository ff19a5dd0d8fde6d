import type { Redis } from "ioredis";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { createRedis, dropSocket } from "./redis-options.ts";
import { keySlot } from "./key-slot.ts";
import { type Redirect, redirectOf } from "./redirect.ts";
import { redactedError } from "./redis-runtime.ts";
import { describeTarget, type RedisTarget } from "./redis-topology.ts";
import type { SubscriberOptions } from "./subscriber-connection.ts";

export interface ShardSubscriberOptions extends Omit<SubscriberOptions, "probe"> {
  readonly target: RedisTarget;
  /** On a cluster: channels that this server does not hold any more. They are forgotten here. */
  readonly onMoved?: (channels: readonly string[], redirect: Redirect | undefined) => void;
}

/** Channels of one SSUBSCRIBE: a storm of resubscriptions reaches Redis in pieces. */
const SUBSCRIBE_BATCH = 512;

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

interface Subscription {
  wanted: boolean;
  acknowledged: boolean;
  droppedAtMs: number;
  waiters: Waiter[];
}

/** The connection to one server that hears what is published there. */
export class ShardSubscriber {
  readonly #options: ShardSubscriberOptions;
  readonly #redis: Redis;
  readonly #subscriptions = new Map<string, Subscription>();
  #queued: string[] = [];
  #restored = false;
  #closed = false;
  #lostLogged = false;
  #connection = 0;
  #reason = "connection closed";
  #dropTimer: NodeJS.Timeout | undefined;

  constructor(options: ShardSubscriberOptions) {
    this.#options = options;
    this.#redis = createRedis({ ...options, pipelined: false, isClosed: () => this.#closed });
    this.#redis.on("smessageBuffer", (channel: Buffer, payload: Buffer) => this.#receive(channel, payload));
    this.#redis.on("ready", () => void this.#restore());
    this.#redis.on("moved", () => this.#giveAway(this.#lostChannels(), undefined));
    this.#redis.on("close", () => this.#lose(this.#reason));
    // An error is always followed by a close; without a listener ioredis would print it.
    this.#redis.on("error", (error: Error) => (this.#reason = error.message));
  }

  get restored(): boolean {
    return this.#restored;
  }

  /** Channels that Redis is told of, waiting ones and those about to be dropped included. */
  get size(): number {
    return this.#subscriptions.size;
  }

  hears(channel: string): boolean {
    return this.#subscriptions.get(channel)?.acknowledged === true;
  }

  open(): void {
    this.#redis.connect().catch(() => undefined);
  }

  /** Channels of this connection's own, wanted from the first connect on. */
  want(channels: readonly string[]): void {
    for (const channel of channels)
      this.#subscriptions.set(channel, { wanted: true, acknowledged: false, droppedAtMs: 0, waiters: [] });
  }

  /** Channels that were heard elsewhere; `restored` is false until they are heard here. */
  adopt(channels: readonly string[]): void {
    for (const channel of channels) {
      const known = this.#subscriptions.get(channel);
      if (known === undefined) this.want([channel]);
      else known.wanted = true;
    }
    if (!this.#hasPending()) return;
    this.#setRestored(false);
    if (this.#redis.status === "ready") void this.#restore();
  }

  /** Channels that are heard elsewhere now. */
  release(channels: readonly string[]): void {
    for (const channel of channels) {
      this.#refuse(channel, new BrokerUnavailableError("the channel's slot moves"));
      this.#subscriptions.delete(channel);
    }
    if (this.#redis.status !== "ready") return;
    // A server that does not hold the slot any more has nothing to forget.
    for (const batch of this.#batchesOf(channels)) this.#redis.sunsubscribe(...batch).catch(() => undefined);
  }

  /** Resolves with Redis' acknowledgement. Rejects with BrokerUnavailableError and forgets the channel. */
  subscribe(channel: string): Promise<void> {
    if (this.#redis.status !== "ready") return Promise.reject(new BrokerUnavailableError("Redis is not reachable"));
    const known = this.#subscriptions.get(channel);
    if (known?.acknowledged === true) {
      known.wanted = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const subscription = known ?? { wanted: true, acknowledged: false, droppedAtMs: 0, waiters: [] };
      subscription.wanted = true;
      subscription.waiters.push({ resolve, reject });
      if (known !== undefined) return;
      this.#subscriptions.set(channel, subscription);
      this.#queue(channel);
    });
  }

  /** Nothing is delivered from now on; Redis is told a little later, unless the channel is wanted again by then. */
  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.wanted = false;
    subscription.droppedAtMs = this.#options.clock.nowMs();
    this.#armDrop();
  }

  /** Drops the socket and everything that Redis knows of it; subscriptions are made again on the next one. */
  rebuild(): void {
    dropSocket(this.#redis);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#dropTimer);
    this.#rejectWaiters(new BrokerUnavailableError("the broker is closed"));
    this.#subscriptions.clear();
    this.#redis.disconnect();
  }

  #receive(channelBytes: Buffer, payload: Buffer): void {
    const channel = channelBytes.toString();
    if (this.#subscriptions.get(channel)?.wanted === true) this.#options.onMessage(channel, payload);
  }

  #queue(channel: string): void {
    this.#queued.push(channel);
    if (this.#queued.length === 1) setImmediate(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const queued = this.#queued;
    this.#queued = [];
    await Promise.all(this.#batchesOf(queued).map((batch) => this.#send(batch)));
  }

  /** One SSUBSCRIBE. Its failure is told to those who wait; without an answer the connection is not to be trusted any more. */
  async #send(batch: readonly string[]): Promise<boolean> {
    const connection = this.#connection;
    try {
      await this.#redis.ssubscribe(...batch);
      if (connection !== this.#connection) return false;
      for (const channel of batch) this.#acknowledge(channel);
      return true;
    } catch (error) {
      if (connection !== this.#connection) return false;
      const refusal = new BrokerUnavailableError("Redis did not accept a subscription", {
        cause: redactedError(error),
      });
      for (const channel of batch) this.#refuse(channel, refusal);
      const redirect = redirectOf(refusal);
      if (redirect !== undefined) {
        this.#giveAway(batch, redirect);
        return true;
      }
      // Without an answer it may still come alive later in ioredis: only a new socket makes the state certain.
      if (!(error instanceof Error && error.name === "ReplyError")) this.rebuild();
      return false;
    }
  }

  #acknowledge(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.acknowledged = true;
    for (const waiter of subscription.waiters.splice(0)) waiter.resolve();
  }

  #refuse(channel: string, error: Error): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined || subscription.waiters.length === 0) return;
    this.#subscriptions.delete(channel);
    for (const waiter of subscription.waiters) waiter.reject(error);
  }

  /** On a new connection: everything that is wanted, batch by batch, before the node calls itself connected. */
  async #restore(): Promise<void> {
    const connection = this.#connection;
    const wanted: string[] = [];
    for (const [channel, { wanted: isWanted, acknowledged }] of this.#subscriptions) {
      if (acknowledged) continue;
      if (isWanted) wanted.push(channel);
      else this.#subscriptions.delete(channel);
    }
    for (const batch of this.#batchesOf(wanted)) {
      // One batch at a time is the bound.
      if (!(await this.#send(batch))) return this.#rebuildLater(connection);
      this.#options.onHeard(batch.filter((channel) => this.hears(channel)));
    }
    if (this.#closed || connection !== this.#connection || this.#hasPending()) return;
    if (this.#lostLogged)
      this.#options.log.info({ ...this.#fields(), channels: wanted.length }, "subscriptions are restored");
    this.#lostLogged = false;
    this.#setRestored(true);
  }

  /** Channels that Redis has not acknowledged though nobody waits for that: they were heard before. */
  #hasPending(): boolean {
    return this.#subscriptions
      .values()
      .some(({ wanted, acknowledged, waiters }) => wanted && !acknowledged && waiters.length === 0);
  }

  #setRestored(restored: boolean): void {
    if (restored === this.#restored) return;
    this.#restored = restored;
    this.#options.onRestored(restored);
  }

  /** Channels that Redis has dropped by itself: their slot has moved. */
  #lostChannels(): readonly string[] {
    const { subscriber } = this.#redis.condition ?? { subscriber: false };
    const heard = new Set(subscriber === false ? [] : subscriber.channels("ssubscribe"));
    return [...this.#subscriptions].flatMap(([channel, { acknowledged }]) =>
      acknowledged && !heard.has(channel) ? [channel] : [],
    );
  }

  #giveAway(channels: readonly string[], redirect: Redirect | undefined): void {
    const wanted = channels.filter((channel) => this.#subscriptions.get(channel)?.wanted === true);
    for (const channel of channels) this.#subscriptions.delete(channel);
    if (wanted.length > 0) this.#options.onMoved?.(wanted, redirect);
  }

  /** A command of a cluster names channels of one slot only. */
  #batchesOf(channels: readonly string[]): readonly (readonly string[])[] {
    if (this.#options.onMoved === undefined) return batchesOf(channels);
    return [...Map.groupBy(channels, keySlot).values()].flatMap(batchesOf);
  }

  /** Refused while restoring (loading, permissions): the same again on a new connection, without haste. */
  #rebuildLater(connection: number): void {
    setTimeout(() => {
      if (!this.#closed && connection === this.#connection) this.rebuild();
    }, this.#options.bounds.reconnectCapMs);
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    this.#connection += 1;
    if (!this.#lostLogged) this.#options.log.warn({ ...this.#fields(), reason }, "the subscriber connection is lost");
    this.#lostLogged = true;
    this.#rejectWaiters(new BrokerUnavailableError("Redis is not reachable"));
    for (const subscription of this.#subscriptions.values()) subscription.acknowledged = false;
    this.#setRestored(false);
  }

  /** Those who wait hear of the failure, and their channels are not wanted any more. */
  #rejectWaiters(error: Error): void {
    for (const channel of this.#subscriptions.keys()) this.#refuse(channel, error);
    this.#queued = [];
  }

  #armDrop(): void {
    this.#dropTimer ??= setTimeout(() => {
      this.#dropTimer = undefined;
      this.#drop();
    }, this.#options.unsubscribeDelayMs);
  }

  #drop(): void {
    const dueMs = this.#options.clock.nowMs() - this.#options.unsubscribeDelayMs;
    const dropped: string[] = [];
    let later = false;
    for (const [channel, subscription] of this.#subscriptions) {
      if (subscription.wanted) continue;
      if (subscription.droppedAtMs > dueMs || !subscription.acknowledged) later = true;
      else dropped.push(channel);
    }
    for (const channel of dropped) this.#subscriptions.delete(channel);
    for (const batch of this.#batchesOf(dropped)) {
      // Unanswered: the socket is gone or will be found silent by the probe, and with it the subscription.
      this.#redis.sunsubscribe(...batch).catch(() => undefined);
    }
    if (later) this.#armDrop();
  }

  #fields(): { readonly redis: string; readonly connection: string } {
    return { redis: describeTarget(this.#options.target), connection: this.#options.name };
  }
}

function batchesOf(channels: readonly string[]): readonly (readonly string[])[] {
  const batches: (readonly string[])[] = [];
  for (let start = 0; start < channels.length; start += SUBSCRIBE_BATCH)
    batches.push(channels.slice(start, start + SUBSCRIBE_BATCH));
  return batches;
}
