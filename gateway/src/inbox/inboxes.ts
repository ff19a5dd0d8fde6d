/** The port of inboxes: for every user a durable row of messages, and how far each group of the user's devices has read. */
import type { Position } from "../broker/broker.ts";

/** What is put into an inbox. */
export interface InboxContent {
  /** JSON text without newlines. */
  readonly data: Buffer;
  /** JSON text of the protocol's client info of who published, where a client did. */
  readonly info?: Buffer;
  readonly tags?: Readonly<Record<string, string>>;
}

/** How much an inbox holds, and how long. */
export interface InboxBounds {
  /** Messages; the oldest go first. At least 1. */
  readonly size: number;
  /** Milliseconds that a message is kept. */
  readonly ttlMs: number;
}

export interface InboxSend extends InboxContent, InboxBounds {
  readonly user: string;
  /** A second message with this key within the time is not stored: the first one's position is the answer. */
  readonly idempotency?: { readonly key: string; readonly ttlMs: number };
}

/** Messages that left an inbox without having been acknowledged by every group. */
export interface InboxDrops {
  readonly bySize: number;
  readonly byTtl: number;
}

export interface InboxSent extends InboxDrops {
  readonly position: Position;
  /** The message was there already, by its idempotency key. */
  readonly isRepeat: boolean;
}

export interface InboxMessage extends InboxContent {
  /** Unique for life: an offset given out twice, because Redis forgot the first, is of another epoch. Order is by offset. */
  readonly position: Position;
  /** Milliseconds since 1970, by the clock of the medium. */
  readonly timeMs: number;
}

export interface InboxOpening {
  readonly user: string;
  readonly group: string;
  readonly bounds: InboxBounds;
  /** What the client says it has; counts only where it is a place of this inbox, and never undoes an acknowledgement. */
  readonly since?: Position;
}

export interface OpenedInbox extends InboxDrops {
  /** Place behind which reading begins, in the inbox's epoch. */
  readonly position: Position;
  /** `since` was a place of this inbox. */
  readonly isSinceKnown: boolean;
  /** Messages behind that place were dropped before this group acknowledged them. */
  readonly hasLost: boolean;
}

export interface InboxReading {
  readonly user: string;
  readonly group: string;
  /** Messages after this place; where it is none of this inbox, after what the group has acknowledged. */
  readonly after: Position;
}

export interface InboxPage {
  readonly messages: readonly InboxMessage[];
  /** The inbox's epoch now. */
  readonly epoch: string;
  /** Place up to which was read. */
  readonly position: Position;
  /** There is more behind it. */
  readonly hasMore: boolean;
}

export interface InboxAck {
  readonly user: string;
  readonly group: string;
  /** Everything up to here has arrived. A place of another inbox acknowledges nothing. */
  readonly position: Position;
  readonly bounds: InboxBounds;
}

export interface InboxAcked {
  /** Offset up to which the group has acknowledged. */
  readonly offset: number;
  /** Messages that every group has acknowledged now, and that are gone. */
  readonly removed: number;
}

/** Groups of one user; of more the one that was longest not heard of is forgotten. */
export const MAX_GROUPS = 16;
/** Messages and bytes of one page; a page has at least one message, however large. */
export const PAGE_MESSAGES = 100;
export const PAGE_BYTES = 131_072;
/** How long an inbox keeps its epoch, and what groups have acknowledged, when nothing is left in it. */
export const EMPTY_INBOX_TTL_MS = 86_400_000;

/** Every promise rejects with BrokerUnavailableError in bounded time while the medium is away; nothing is queued for later. */
export interface Inboxes {
  start(): void;
  /** Resolves once the message is stored. */
  send(message: InboxSend): Promise<InboxSent>;
  /** Makes the group known: what it has not acknowledged is kept for it from now on. */
  open(opening: InboxOpening): Promise<OpenedInbox>;
  read(reading: InboxReading): Promise<InboxPage>;
  ack(ack: InboxAck): Promise<InboxAcked>;
  close(): void;
}
