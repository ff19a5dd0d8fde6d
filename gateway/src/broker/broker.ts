/** The port between nodes: publications of a channel, in one order for every subscriber. */

/** A place in a channel's order: `offset` counts from 1 within `epoch`. */
export interface Position {
  readonly offset: number;
  readonly epoch: string;
}

export interface BrokerPublication {
  readonly channel: string;
  /** The payload's JSON text, byte for byte as the publisher sent it (newlines stripped). */
  readonly data: Buffer;
  readonly position: Position;
  /** Who published, where a client did; the JSON text of the protocol's client info. */
  readonly info?: Buffer;
}

export interface PublishRequest {
  readonly channel: string;
  readonly data: Buffer;
  readonly info?: Buffer;
}

/** A command for connections of one user, acted on by every node that holds one. */
export interface DisconnectCommand {
  readonly user: string;
  /** Only this client of the user. */
  readonly client?: string;
  readonly code: number;
  readonly reason: string;
}

export interface BrokerEvents {
  /** Called in the channel's order, only for channels subscribed here. Must not throw. */
  onPublication(publication: BrokerPublication): void;
  onDisconnect(command: DisconnectCommand): void;
  /** The way to the other nodes was interrupted, or came back: what was published meanwhile may be missing here. */
  onConnected(connected: boolean): void;
}

/** The broker cannot be reached now: the caller answers with a temporary error. */
export class BrokerUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BrokerUnavailableError";
  }
}

export interface Broker {
  readonly connected: boolean;
  start(events: BrokerEvents): Promise<void>;
  /** Resolves once publications made from now on will be delivered here. Rejects with BrokerUnavailableError. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Resolves once the publication has its position. Rejects with BrokerUnavailableError in bounded time, never queues. */
  publish(request: PublishRequest): Promise<Position>;
  sendDisconnect(command: DisconnectCommand): Promise<void>;
  close(): Promise<void>;
}
