/** Everything of inboxes on one node: what goes in, who reads, what has arrived. */
import type { Position } from "../broker/broker.ts";
import type { NodeBus } from "../node/node-bus.ts";
import type { Registry } from "../registry/registry.ts";
import { InboxFeed, type InboxReader } from "./inbox-feed.ts";
import { InboxNudges } from "./inbox-nudges.ts";
import type {
  InboxAcked,
  InboxBounds,
  InboxContent,
  InboxDrops,
  Inboxes,
  InboxPage,
  InboxReading,
  InboxSend,
  OpenedInbox,
} from "./inboxes.ts";

/** Told what happens, for metrics. */
interface InboxObserver {
  onSent(isRepeat: boolean): void;
  onDelivered(): void;
  /** Messages that left an inbox, and why. */
  onRemoved(reason: "ack" | "size" | "ttl", count: number): void;
  /** Another node, or this one, said that there is something new. */
  onNudge(): void;
}

/** The section `inbox` of the configuration, as it is now. */
interface InboxSettings extends InboxBounds {
  readonly isEnabled: boolean;
  /** Queued bytes of a connection above which its messages wait. */
  readonly maxQueuedBytes: number;
}

export interface InboxDeskOptions {
  readonly inboxes: Inboxes;
  readonly nodeId: string;
  readonly bus: NodeBus;
  readonly registry: Pick<Registry, "podsOf" | "flush">;
  readonly settings: () => InboxSettings;
  readonly observer: InboxObserver;
  readonly onFault: (error: unknown) => void;
  /** Every open inbox is looked at this often, nudged or not. Default 60,000. */
  readonly lookIntervalMs?: number;
}

export interface InboxPosting extends InboxContent {
  readonly idempotencyKey?: string | undefined;
  /** Shorter than the configured one. */
  readonly ttlMs?: number | undefined;
}

export interface InboxSubscription {
  readonly user: string;
  readonly group: string;
  readonly since?: Position;
  readonly reader: InboxReader;
}

/** An inbox that is open for a connection. Nothing is delivered before the feed begins. */
export interface OpenedFeed extends OpenedInbox {
  readonly feed: InboxFeed;
}

/** As long as the server API remembers one. */
const IDEMPOTENCY_TTL_MS = 300_000;
/** Longest wait for this node's entry in the registry, from which on nudges come. */
const REGISTERED_TIMEOUT_MS = 5000;
const LOOK_INTERVAL_MS = 60_000;
const TICK_MS = 1000;
/** After an interruption every open inbox is looked at within this many ticks. */
const HURRIED_TICKS = 5;

export class InboxDesk {
  readonly #options: InboxDeskOptions;
  readonly #nudges: InboxNudges;
  readonly #feeds = new Map<string, Set<InboxFeed>>();
  /** Readings begun in this turn: feeds at the same place share one. */
  readonly #readings = new Map<string, Promise<InboxPage>>();
  #round: Iterator<string> | undefined;
  #hurried = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: InboxDeskOptions) {
    this.#options = options;
    const { nodeId, bus, registry, onFault } = options;
    this.#nudges = new InboxNudges({ nodeId, bus, registry, onFault, onNudge: (user) => this.#onNudge(user) });
  }

  get isEnabled(): boolean {
    return this.#options.settings().isEnabled;
  }

  /** Users with an open inbox here. */
  get openCount(): number {
    return this.#feeds.size;
  }

  start(): void {
    this.#options.inboxes.start();
    this.#timer ??= setInterval(() => this.#look(), TICK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#options.inboxes.close();
  }

  /** Nudges may have been lost: every open inbox is looked at soon. */
  lookSoon(): void {
    this.#hurried = HURRIED_TICKS;
  }

  /** Resolves with the message's place once it is stored. Rejects with BrokerUnavailableError. */
  async send(user: string, posting: InboxPosting): Promise<Position> {
    const { inboxes, observer } = this.#options;
    const sent = await inboxes.send(this.#sendOf(user, posting));
    observer.onSent(sent.isRepeat);
    this.#onDrops(sent);
    // A repeat too: the first one's nudge may not have gone out.
    this.#nudges.announce(user);
    return sent.position;
  }

  /** The same to several users, each for itself: where one could not be stored, others may have been. */
  async sendToAll(users: Iterable<string>, posting: InboxPosting): Promise<readonly Position[]> {
    return Promise.all(Array.from(users, (user) => this.send(user, posting)));
  }

  /** Rejects with BrokerUnavailableError. */
  async open({ user, group, since, reader }: InboxSubscription): Promise<OpenedFeed> {
    const { inboxes, settings, observer, onFault } = this.#options;
    const bounds = settings();
    const opened = await inboxes.open({ user, group, bounds, ...(since !== undefined && { since }) });
    this.#onDrops(opened);
    const feed = new InboxFeed({
      user,
      group,
      after: opened.position,
      reader: {
        ...reader,
        deliver: (message) => {
          observer.onDelivered();
          reader.deliver(message);
        },
      },
      maxQueuedBytes: () => settings().maxQueuedBytes,
      read: (reading) => this.#read(reading),
      onBegin: (begun) => this.#onBegin(begun),
      onClose: (closed) => this.#onClose(closed),
      onFault,
    });
    return { ...opened, feed };
  }

  /** Rejects with BrokerUnavailableError. */
  async ack(user: string, group: string, position: Position): Promise<InboxAcked> {
    const { inboxes, settings, observer } = this.#options;
    const acked = await inboxes.ack({ user, group, position, bounds: settings() });
    observer.onRemoved("ack", acked.removed);
    return acked;
  }

  #sendOf(user: string, { idempotencyKey, ttlMs, ...content }: InboxPosting): InboxSend {
    const bounds = this.#options.settings();
    const hasKey = idempotencyKey !== undefined && idempotencyKey !== "";
    return {
      ...content,
      user,
      size: bounds.size,
      ttlMs: Math.min(ttlMs ?? bounds.ttlMs, bounds.ttlMs),
      ...(hasKey && { idempotency: { key: idempotencyKey, ttlMs: IDEMPOTENCY_TTL_MS } }),
    };
  }

  #onDrops({ bySize, byTtl }: InboxDrops): void {
    this.#options.observer.onRemoved("size", bySize);
    this.#options.observer.onRemoved("ttl", byTtl);
  }

  #onBegin(feed: InboxFeed): void {
    const feeds = this.#feeds.get(feed.user) ?? new Set<InboxFeed>();
    this.#feeds.set(feed.user, feeds.add(feed));
    // What is sent before the registry knows the connection nudges nobody here.
    void this.#options.registry.flush(REGISTERED_TIMEOUT_MS).then(() => feed.wake());
  }

  #onClose(feed: InboxFeed): void {
    const feeds = this.#feeds.get(feed.user);
    if (feeds?.delete(feed) === true && feeds.size === 0) this.#feeds.delete(feed.user);
  }

  #onNudge(user: string): void {
    this.#options.observer.onNudge();
    this.#wake(user);
  }

  #wake(user: string): void {
    for (const feed of this.#feeds.get(user) ?? []) feed.wake();
  }

  #read(reading: InboxReading): Promise<InboxPage> {
    const { user, group, after } = reading;
    const key = JSON.stringify([user, group, after.epoch, after.offset]);
    const shared = this.#readings.get(key);
    if (shared !== undefined) return shared;
    const page = this.#options.inboxes.read(reading);
    this.#readings.set(key, page);
    // No longer than this turn: a reading under way may have missed what a later nudge tells of.
    queueMicrotask(() => this.#readings.delete(key));
    return page;
  }

  /** A part of the open inboxes, so that all of them come up once in an interval. */
  #look(): void {
    const ticks = this.#hurried > 0 ? HURRIED_TICKS : (this.#options.lookIntervalMs ?? LOOK_INTERVAL_MS) / TICK_MS;
    this.#hurried = Math.max(0, this.#hurried - 1);
    for (let left = Math.ceil(this.#feeds.size / ticks); left > 0; left -= 1) {
      this.#round ??= this.#feeds.keys();
      const next = this.#round.next();
      if (next.done === true) this.#round = undefined;
      else this.#wake(next.value);
    }
  }
}
