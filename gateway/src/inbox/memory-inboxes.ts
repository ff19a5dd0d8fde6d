import type { Position } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import {
  EMPTY_INBOX_TTL_MS,
  type InboxAck,
  type InboxAcked,
  type Inboxes,
  type InboxMessage,
  type InboxOpening,
  type InboxPage,
  type InboxReading,
  type InboxSend,
  type InboxSent,
  MAX_GROUPS,
  type OpenedInbox,
  PAGE_BYTES,
  PAGE_MESSAGES,
} from "./inboxes.ts";

export interface MemoryInboxesOptions {
  readonly clock: Clock;
  /** Begins every epoch of this process, so that positions of an earlier one are never taken for its own. */
  readonly epochPrefix: string;
}

interface StoredMessage extends InboxMessage {
  readonly expiresAtMs: number;
}

interface Inbox {
  readonly epoch: string;
  readonly messages: StoredMessage[];
  /** Offset acknowledged, by group; the one that was longest not heard of comes first. */
  readonly groups: Map<string, number>;
  readonly keys: Map<string, { readonly position: Position; readonly expiresAtMs: number }>;
  top: number;
  /** Offset up to which something was dropped unread. */
  gone: number;
  /** When nobody has to remember it any more. */
  expiresAtMs: number;
}

/** Inboxes of one process; the one that was longest not used goes first. */
const MAX_INBOXES = 10_000;
/** Idempotency keys of one inbox. */
const MAX_KEYS = 1000;

/** The inboxes of a single node. They end with the process. */
export class MemoryInboxes implements Inboxes {
  readonly #options: MemoryInboxesOptions;
  readonly #inboxes = new Map<string, Inbox>();
  #epochs = 0;

  constructor(options: MemoryInboxesOptions) {
    this.#options = options;
  }

  start(): void {
    // Nothing to connect to.
  }

  close(): void {
    this.#inboxes.clear();
  }

  send({ user, size, ttlMs, idempotency, ...content }: InboxSend): Promise<InboxSent> {
    const nowMs = this.#options.clock.nowMs();
    const inbox = this.#inbox(user, ttlMs);
    const first = idempotency === undefined ? undefined : inbox.keys.get(idempotency.key);
    if (first !== undefined && first.expiresAtMs > nowMs) {
      return Promise.resolve({ position: first.position, isRepeat: true, bySize: 0, byTtl: 0 });
    }
    const byTtl = expire(inbox, nowMs);
    inbox.top += 1;
    const position = { offset: inbox.top, epoch: inbox.epoch };
    inbox.messages.push({
      ...content,
      position,
      timeMs: this.#options.clock.date().getTime(),
      expiresAtMs: nowMs + ttlMs,
    });
    const dropped = inbox.messages.splice(0, Math.max(0, inbox.messages.length - size));
    inbox.gone = dropped.at(-1)?.position.offset ?? inbox.gone;
    if (idempotency !== undefined) remember(inbox, idempotency.key, position, nowMs + idempotency.ttlMs);
    return Promise.resolve({ position, isRepeat: false, bySize: dropped.length, byTtl });
  }

  open({ user, group, bounds, since }: InboxOpening): Promise<OpenedInbox> {
    const inbox = this.#inbox(user, bounds.ttlMs);
    const byTtl = expire(inbox, this.#options.clock.nowMs());
    const acknowledged = inbox.groups.get(group) ?? 0;
    hear(inbox, group, acknowledged);
    const known = since === undefined ? undefined : placed(inbox, since);
    const offset = Math.max(acknowledged, known ?? 0);
    return Promise.resolve({
      position: { offset, epoch: inbox.epoch },
      isSinceKnown: known !== undefined,
      hasLost: inbox.gone > offset,
      bySize: 0,
      byTtl,
    });
  }

  read({ user, group, after }: InboxReading): Promise<InboxPage> {
    const inbox = this.#inbox(user, 0);
    const nowMs = this.#options.clock.nowMs();
    const from = placed(inbox, after) ?? inbox.groups.get(group) ?? 0;
    const messages: InboxMessage[] = [];
    let [seen, bytes, hasMore] = [from, 0, false];
    for (const { expiresAtMs, ...message } of inbox.messages) {
      if (message.position.offset <= from) continue;
      hasMore = messages.length === PAGE_MESSAGES || bytes > PAGE_BYTES;
      if (hasMore) break;
      seen = message.position.offset;
      if (expiresAtMs <= nowMs) continue;
      bytes += message.data.length;
      messages.push(message);
    }
    return Promise.resolve({ messages, epoch: inbox.epoch, position: { offset: seen, epoch: inbox.epoch }, hasMore });
  }

  ack({ user, group, position, bounds }: InboxAck): Promise<InboxAcked> {
    const inbox = this.#inbox(user, bounds.ttlMs);
    const offset = Math.max(inbox.groups.get(group) ?? 0, placed(inbox, position) ?? 0);
    hear(inbox, group, offset);
    const least = Math.min(...inbox.groups.values());
    const kept = inbox.messages.findIndex((message) => message.position.offset > least);
    const removed = inbox.messages.splice(0, kept < 0 ? inbox.messages.length : kept).length;
    return Promise.resolve({ offset, removed });
  }

  /** Moves the inbox to the end of the map. */
  #inbox(user: string, ttlMs: number): Inbox {
    const nowMs = this.#options.clock.nowMs();
    const found = this.#inboxes.get(user);
    const inbox = found !== undefined && found.expiresAtMs > nowMs ? found : this.#newInbox();
    inbox.expiresAtMs = Math.max(inbox.expiresAtMs, nowMs + ttlMs + EMPTY_INBOX_TTL_MS);
    this.#inboxes.delete(user);
    this.#inboxes.set(user, inbox);
    const [longestUnused] = this.#inboxes.keys();
    if (this.#inboxes.size > MAX_INBOXES && longestUnused !== undefined) this.#inboxes.delete(longestUnused);
    return inbox;
  }

  #newInbox(): Inbox {
    this.#epochs += 1;
    const epoch = `${this.#options.epochPrefix}-${this.#epochs}`;
    return { epoch, messages: [], groups: new Map(), keys: new Map(), top: 0, gone: 0, expiresAtMs: 0 };
  }
}

/** Takes messages from the head whose time is over. */
function expire(inbox: Inbox, nowMs: number): number {
  const kept = inbox.messages.findIndex(({ expiresAtMs }) => expiresAtMs > nowMs);
  const dropped = inbox.messages.splice(0, kept < 0 ? inbox.messages.length : kept);
  inbox.gone = dropped.at(-1)?.position.offset ?? inbox.gone;
  return dropped.length;
}

function placed({ epoch, top }: Inbox, position: Position): number | undefined {
  return position.epoch === epoch ? Math.min(position.offset, top) : undefined;
}

function hear(inbox: Inbox, group: string, offset: number): void {
  inbox.groups.delete(group);
  inbox.groups.set(group, offset);
  const [longestSilent] = inbox.groups.keys();
  if (inbox.groups.size > MAX_GROUPS && longestSilent !== undefined) inbox.groups.delete(longestSilent);
}

function remember(inbox: Inbox, key: string, position: Position, expiresAtMs: number): void {
  inbox.keys.delete(key);
  inbox.keys.set(key, { position, expiresAtMs });
  const [oldest] = inbox.keys.keys();
  if (inbox.keys.size > MAX_KEYS && oldest !== undefined) inbox.keys.delete(oldest);
}
