import {
  type Broker,
  type BrokerEvents,
  type BrokerPublication,
  BrokerUnavailableError,
  type DisconnectCommand,
  type Position,
  type PublishRequest,
} from "./broker.ts";

/** Channels whose last offset is remembered; the one longest without a publication is forgotten and gets a new epoch. */
const MAX_CHANNELS = 100_000;

export interface MemoryBrokerOptions {
  /** Begins every epoch of this process, so that positions of an earlier one are never taken for its own. */
  readonly epochPrefix: string;
  readonly maxChannels?: number;
}

/** The broker of a single node: publications go round inside the process. */
export class MemoryBroker implements Broker {
  readonly #options: MemoryBrokerOptions;
  readonly #subscribed = new Set<string>();
  readonly #positions = new Map<string, Position>();
  #events: BrokerEvents | undefined;
  #epochs = 0;

  constructor(options: MemoryBrokerOptions) {
    this.#options = options;
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

  async publish({ channel, data, info }: PublishRequest): Promise<Position> {
    const events = this.#open();
    const position = this.#nextPosition(channel);
    const publication: BrokerPublication = { channel, data, position, ...(info !== undefined && { info }) };
    if (this.#subscribed.has(channel)) events.onPublication(publication);
    return position;
  }

  async sendDisconnect(command: DisconnectCommand): Promise<void> {
    this.#open().onDisconnect(command);
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

  #nextPosition(channel: string): Position {
    const last = this.#positions.get(channel);
    const position =
      last === undefined
        ? { offset: 1, epoch: `${this.#options.epochPrefix}.${++this.#epochs}` }
        : { offset: last.offset + 1, epoch: last.epoch };
    // Deleted first, so that the map's order is the order of last use.
    this.#positions.delete(channel);
    this.#positions.set(channel, position);
    if (this.#positions.size > (this.#options.maxChannels ?? MAX_CHANNELS)) this.#forgetOldest();
    return position;
  }

  #forgetOldest(): void {
    const oldest = this.#positions.keys().next();
    if (oldest.done !== true) this.#positions.delete(oldest.value);
  }
}
