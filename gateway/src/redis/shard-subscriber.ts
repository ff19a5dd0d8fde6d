import type { Redis } from "ioredis";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { createRedis, dropSocket } from "./redis-options.ts";
import { redactedError } from "./redis-runtime.ts";
import { describeTarget, type RedisTarget } from "./redis-topology.ts";
import type { SubscriberConnection, SubscriberOptions } from "./subscriber-connection.ts";

export interface ShardSubscriberOptions extends SubscriberOptions {
  readonly target: RedisTarget;
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
export class ShardSubscriber implements SubscriberConnection {
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

  open(): void {
    this.#redis.connect().catch(() => undefined);
  }

  /** Channels of this connection's own, wanted from the first connect on. */
  want(channels: readonly string[]): void {
    for (const channel of channels)
      this.#subscriptions.set(channel, { wanted: true, acknowledged: false, droppedAtMs: 0, waiters: [] });
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
    await Promise.all(batchesOf(queued).map((batch) => this.#send(batch)));
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
    for (const [channel, subscription] of this.#subscriptions) {
      if (subscription.wanted) wanted.push(channel);
      else this.#subscriptions.delete(channel);
    }
    for (const batch of batchesOf(wanted)) {
      // One batch at a time is the bound.
      if (!(await this.#send(batch))) return this.#rebuildLater(connection);
    }
    if (this.#closed || connection !== this.#connection) return;
    this.#restored = true;
    if (this.#lostLogged)
      this.#options.log.info({ ...this.#fields(), channels: wanted.length }, "subscriptions are restored");
    this.#lostLogged = false;
    this.#options.onRestored(true);
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
    if (!this.#restored) return;
    this.#restored = false;
    this.#options.onRestored(false);
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
    for (const batch of batchesOf(dropped)) {
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
