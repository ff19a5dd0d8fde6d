/** The port between nodes: publications of a channel, in one order for every subscriber, and what is remembered of them. */

/** A place in a channel's order: `offset` counts from 1 within `epoch`; offset 0 is the place before the first one. */
export interface Position {
  readonly offset: number;
  readonly epoch: string;
}

/** What a publication carries besides its channel and place. */
export interface PublicationContent {
  /** Bytes as the publisher sent them (JSON text with newlines stripped, or binary where the namespace allows it). */
  readonly data: Buffer;
  /** Who published, where a client did; the JSON text of the protocol's client info. */
  readonly info?: Buffer;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface StoredPublication extends PublicationContent {
  readonly offset: number;
  /** Milliseconds since 1970, by the broker's clock. */
  readonly timeMs: number;
}

export interface BrokerPublication extends StoredPublication {
  readonly channel: string;
  /** `position.offset` is `offset`. */
  readonly position: Position;
  /** The publisher wants subscribers that negotiated deltas to get this one as a patch. */
  readonly useDelta?: boolean;
  /** Counted and delivered, but not stored: a reader of the history finds a hole here. */
  readonly isUnstored?: boolean;
  /**
   * Ephemeral: only the newest with this key matters. It has no place (`offset` and `timeMs` are 0, the epoch is empty) and may be
   * lost on its way.
   */
  readonly ephemeralKey?: string;
}

/** What nobody needs once there is a newer one: typing, cursors. */
export interface EphemeralPublication extends PublicationContent {
  readonly channel: string;
  /** Within the channel; may be empty. */
  readonly key: string;
}

export interface HistoryRetention {
  /** Publications kept; at least 1. */
  readonly size: number;
  /** How long the stream outlives its last publication, milliseconds. */
  readonly ttlMs: number;
}

export interface PublishRequest extends PublicationContent {
  readonly channel: string;
  /** Absent: the channel has no history, positions are counted all the same. */
  readonly history?: HistoryRetention;
  /** A second publish with this key within the time is not made: the first one's position is the answer. */
  readonly idempotency?: { readonly key: string; readonly ttlMs: number };
  /** Publications with a version no larger than the newest one's (of the same versionEpoch) are not made. */
  readonly version?: { readonly number: number; readonly epoch: string };
  readonly useDelta?: boolean;
}

export interface PublishOutcome {
  readonly position: Position;
  /** The publication was not made: `duplicate` of an idempotency key, or `outdated` by its version. */
  readonly suppressed?: "duplicate" | "outdated";
}

export interface HistoryRequest {
  readonly channel: string;
  /**
   * Publications after this place (before it, when reversed). Absent: from the stream's beginning (its end, when reversed).
   * A place of another epoch gets none; an empty epoch is any.
   */
  readonly since?: Position;
  /** Most publications to return; 0: only the position. Absent or negative: all. */
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** Oldest first, or newest first when reversed. Offsets may have holes: what expired, was trimmed or not stored. */
export interface History {
  /** The channel's newest place; a channel never published to has offset 0 and an epoch that its first publication will keep. */
  readonly position: Position;
  readonly publications: readonly StoredPublication[];
}

/** One member of a channel's presence. */
export interface PresenceMember {
  readonly client: string;
  readonly user: string;
  /** JSON text of the protocol's client info. */
  readonly info: Buffer;
  /** Others are told when it is gone because its node died. */
  readonly tellsLeave?: boolean;
}

export interface PresenceStats {
  readonly clients: number;
  readonly users: number;
}

/** Somebody came to a channel or left it; the JSON text of their client info. */
export interface PresenceEvent {
  readonly channel: string;
  readonly kind: "join" | "leave";
  readonly info: Buffer;
}

export interface BrokerEvents {
  /** Called in the channel's order, only for channels subscribed here. Must not throw. */
  onPublication(publication: BrokerPublication): void;
  /** In no order with publications. */
  onPresenceEvent(event: PresenceEvent): void;
  /** A message that some node sent to this one or to all. */
  onNodeMessage(message: Buffer): void;
  /** The way to the other nodes was interrupted, or all of it came back. */
  onConnected(connected: boolean): void;
  /** What was published to these channels may be missing here: the way to them was interrupted, and is back. */
  onGap?(isAffected: (channel: string) => boolean): void;
}

/** The broker cannot be reached now: the caller answers with a temporary error. */
export class BrokerUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BrokerUnavailableError";
  }
}

/** As nodes hand it on. */
export function ephemeralOf({ key, ...rest }: EphemeralPublication): BrokerPublication {
  return { ...rest, offset: 0, timeMs: 0, position: { offset: 0, epoch: "" }, ephemeralKey: key };
}

/** What the history keeps of a publication. */
export function storedOf({ data, offset, timeMs, info, tags }: StoredPublication): StoredPublication {
  return { data, offset, timeMs, ...(info !== undefined && { info }), ...(tags !== undefined && { tags }) };
}

/** Every promise rejects with BrokerUnavailableError in bounded time while the broker is away; nothing is queued for later. */
export interface Broker {
  readonly connected: boolean;
  /** Why what the broker was given may vanish by itself; absent while it may not, or where that is not known. */
  readonly evictionRisk?: string | undefined;
  start(events: BrokerEvents): Promise<void>;
  /** Resolves once publications made from now on will be delivered here. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Resolves once the publication has its position. */
  publish(request: PublishRequest): Promise<PublishOutcome>;
  /** Neither counted nor stored: it goes to the nodes that are subscribed now, each of which gets it at most once. */
  publishEphemeral(publication: EphemeralPublication): Promise<void>;
  history(request: HistoryRequest): Promise<History>;
  /** Removes what is stored; positions go on. */
  removeHistory(channel: string): Promise<void>;
  /** Adds a member or replaces it; forgotten after `ttlMs` unless added again. */
  addPresence(channel: string, member: PresenceMember, ttlMs: number): Promise<void>;
  /** `isLastHere`: this node has no other member in the channel. */
  removePresence(channel: string, client: string, isLastHere?: boolean): Promise<void>;
  presence(channel: string): Promise<readonly PresenceMember[]>;
  presenceStats(channel: string): Promise<PresenceStats>;
  /** To every node subscribed to the channel, this one included. */
  publishPresenceEvent(event: PresenceEvent): Promise<void>;
  /**
   * To one node by its pod uid: once, and in order, also when its connection to the broker is down for a while. Or to `all`, this
   * one included: lost on a node whose connection is down.
   */
  sendToNode(nodeId: string, message: Buffer): Promise<void>;
  close(): Promise<void>;
}
