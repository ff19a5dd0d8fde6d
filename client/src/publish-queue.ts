import type { Payload } from "./messages.ts";

/** Bounds of what waits to be published. */
export interface QueueLimits {
  /** Publishes. Default 1000. */
  readonly maxCount: number;
  /** Bytes of their payloads as JSON. Default 1 MB. */
  readonly maxBytes: number;
  /** How long one may wait. Default 2 minutes. */
  readonly maxAgeMs: number;
}

/** One publish until it is acknowledged or given up. */
export interface QueuedPublish {
  readonly channel: string;
  readonly data: Payload;
  /** By which the server knows a repeated one. */
  readonly key: string;
  readonly bytes: number;
  readonly queuedMs: number;
  readonly maxAgeMs: number;
}

interface Entry {
  readonly publish: QueuedPublish;
  /** The connection on which it is under way. */
  via?: object;
  /** When it left for the first time: from then on it may be in the channel. */
  firstSentMs?: number;
  notBeforeMs: number;
  /** There were too many: whatever is behind it waits, too. */
  holdsAll?: boolean;
}

/** Under way on one connection: a long queue leaves no faster than the server answers. */
const WINDOW = 16;

/** A server remembers keys for 5 minutes; a publish is repeated within less. */
const REPEAT_WITHIN_MS = 240_000;

export interface Settled {
  readonly publish: QueuedPublish;
  /** It was sent, so that it may have been published. */
  readonly wasSent: boolean;
}

/**
 * Publishes in the order in which they were made, with those under way. Within a channel none leaves while an earlier one waits, or
 * is under way on another connection: so their order survives losses and moves. No clock and no socket: both are arguments.
 */
export class PublishQueue {
  readonly #limits: QueueLimits;
  readonly #entries = new Map<string, Entry>();
  #waitingBytes = 0;
  #waitingCount = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get waiting(): { readonly count: number; readonly bytes: number } {
    return { count: this.#waitingCount, bytes: this.#waitingBytes };
  }

  get size(): number {
    return this.#entries.size;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#waitingCount < this.#limits.maxCount && this.#waitingBytes + bytes <= this.#limits.maxBytes;
  }

  /** With `firstSentMs` where it has left before, in another life of the page. */
  add(publish: QueuedPublish, firstSentMs?: number): void {
    this.#entries.set(publish.key, { publish, notBeforeMs: 0, ...(firstSentMs !== undefined && { firstSentMs }) });
    this.#count(publish, 1);
  }

  /** Takes out what waits for this channel and was never sent. */
  replace(channel: string): readonly Settled[] {
    return this.#takeOut(({ publish, firstSentMs }) => publish.channel === channel && firstSentMs === undefined);
  }

  /** When it left for the first time. */
  firstSentMs(key: string): number | undefined {
    return this.#entries.get(key)?.firstSentMs;
  }

  /** What may leave over `via` now; it counts as under way then. */
  take(via: object, nowMs: number): readonly QueuedPublish[] {
    const blocked = new Set<string>();
    const due: QueuedPublish[] = [];
    const entries = [...this.#entries.values()];
    const free = WINDOW - entries.filter((entry) => entry.via === via).length;
    for (const entry of entries) {
      const { channel } = entry.publish;
      if (entry.via === via) continue;
      const isEarly = entry.notBeforeMs > nowMs;
      if (due.length >= free || (isEarly && entry.holdsAll === true)) break;
      if (entry.via !== undefined || isEarly) blocked.add(channel);
      if (blocked.has(channel)) continue;
      entry.via = via;
      entry.firstSentMs ??= nowMs;
      this.#count(entry.publish, -1);
      due.push(entry.publish);
    }
    return due;
  }

  /** Answered, or given up. */
  settle(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    if (entry.via === undefined) this.#count(entry.publish, -1);
  }

  /** Not answered: it waits again, in its old place. */
  putBack(key: string, notBeforeMs: number, holdsAll = false): void {
    const entry = this.#entries.get(key);
    if (entry?.via === undefined) return;
    delete entry.via;
    entry.notBeforeMs = notBeforeMs;
    entry.holdsAll = holdsAll;
    this.#count(entry.publish, 1);
  }

  /** Takes out what waits but may not be sent a second time, because this server knows no keys. */
  unrepeatable(): readonly Settled[] {
    return this.#takeOut(({ via, firstSentMs }) => via === undefined && firstSentMs !== undefined);
  }

  /** Takes out what has waited for too long. */
  expired(nowMs: number): readonly Settled[] {
    return this.#takeOut((entry) => entry.via === undefined && deadlineOf(entry) <= nowMs);
  }

  /** Takes out everything. */
  clear(): readonly Settled[] {
    return this.#takeOut(() => true);
  }

  /** When `expired` or `take` has something new at the latest; Infinity where nothing waits. */
  nextMs(nowMs: number): number {
    let next = Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.via !== undefined) continue;
      const wakeMs = entry.notBeforeMs > nowMs ? Math.min(entry.notBeforeMs, deadlineOf(entry)) : deadlineOf(entry);
      next = Math.min(next, wakeMs);
    }
    return next;
  }

  #takeOut(isMeant: (entry: Entry) => boolean): readonly Settled[] {
    const meant = [...this.#entries.values()].filter(isMeant);
    for (const { publish } of meant) this.settle(publish.key);
    return meant.map(({ publish, firstSentMs }) => ({ publish, wasSent: firstSentMs !== undefined }));
  }

  #count({ bytes }: QueuedPublish, sign: 1 | -1): void {
    this.#waitingCount += sign;
    this.#waitingBytes += sign * bytes;
  }
}

function deadlineOf({ publish, firstSentMs = Infinity }: Entry): number {
  return Math.min(publish.queuedMs + publish.maxAgeMs, firstSentMs + REPEAT_WITHIN_MS);
}
