import type { Clock } from "../clock.ts";
import {
  type Broker,
  type BrokerEvents,
  ephemeralOf,
  type EphemeralPublication,
  BrokerUnavailableError,
  type History,
  type HistoryRequest,
  type PresenceEvent,
  type PresenceMember,
  type PresenceStats,
  type PublishOutcome,
  type PublishRequest,
} from "./broker.ts";
import { MemoryPresence } from "./memory-presence.ts";
import { MemoryStreams, type MemoryStreamsOptions } from "./memory-streams.ts";

export interface MemoryBrokerOptions extends Partial<MemoryStreamsOptions> {
  readonly clock: Clock;
  readonly epochPrefix: string;
  /** Under which messages for this node are sent. */
  readonly nodeId: string;
}

const DEFAULT_BOUNDS = {
  metaTtlMs: 86_400_000,
  maxChannels: 100_000,
  maxIdempotencyKeys: 100_000,
  maxHistoryBytes: 64 * 1024 * 1024,
};

/** The broker of a single node: publications go round inside the process. */
export class MemoryBroker implements Broker {
  readonly #nodeId: string;
  readonly #streams: MemoryStreams;
  readonly #presence: MemoryPresence;
  readonly #subscribed = new Set<string>();
  #events: BrokerEvents | undefined;

  constructor(options: MemoryBrokerOptions) {
    this.#nodeId = options.nodeId;
    this.#streams = new MemoryStreams({ ...DEFAULT_BOUNDS, ...options });
    this.#presence = new MemoryPresence(options.clock);
  }

  get connected(): boolean {
    return this.#events !== undefined;
  }

  start(events: BrokerEvents): Promise<void> {
    this.#events = events;
    events.onConnected(true);
    return Promise.resolve();
  }

  async subscribe(channel: string): Promise<void> {
    this.#open();
    this.#subscribed.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#subscribed.delete(channel);
  }

  async publish(request: PublishRequest): Promise<PublishOutcome> {
    const events = this.#open();
    const { outcome, publication } = this.#streams.publish(request);
    if (publication !== undefined && this.#subscribed.has(request.channel)) events.onPublication(publication);
    return outcome;
  }

  async publishEphemeral(publication: EphemeralPublication): Promise<void> {
    const events = this.#open();
    if (this.#subscribed.has(publication.channel)) events.onPublication(ephemeralOf(publication));
  }

  async history(request: HistoryRequest): Promise<History> {
    this.#open();
    return this.#streams.history(request);
  }

  async removeHistory(channel: string): Promise<void> {
    this.#open();
    this.#streams.removeHistory(channel);
  }

  async addPresence(channel: string, member: PresenceMember, ttlMs: number): Promise<void> {
    this.#open();
    this.#presence.add(channel, member, ttlMs);
  }

  async removePresence(channel: string, client: string): Promise<void> {
    this.#open();
    this.#presence.remove(channel, client);
  }

  async presence(channel: string): Promise<readonly PresenceMember[]> {
    this.#open();
    return this.#presence.members(channel);
  }

  async presenceStats(channel: string): Promise<PresenceStats> {
    this.#open();
    return this.#presence.stats(channel);
  }

  async publishPresenceEvent(event: PresenceEvent): Promise<void> {
    const events = this.#open();
    if (this.#subscribed.has(event.channel)) events.onPresenceEvent(event);
  }

  async sendToNode(nodeId: string, message: Buffer): Promise<void> {
    const events = this.#open();
    if (nodeId === "all" || nodeId === this.#nodeId) events.onNodeMessage(message);
  }

  async close(): Promise<void> {
    const events = this.#events;
    this.#events = undefined;
    this.#subscribed.clear();
    events?.onConnected(false);
  }

  #open(): BrokerEvents {
    if (this.#events === undefined) throw new BrokerUnavailableError("broker is closed");
    return this.#events;
  }
}
