import type { Socket } from "../transport/socket.ts";
import type { Backlog } from "./backlog.ts";
import type { FlushLoop, Flushable } from "./flush.ts";
import { LatestLines } from "./latest-lines.ts";

/** Bytes waiting for a reader, in the process and in its socket, beyond which ephemeral lines wait beside the queue. */
const BEHIND_BYTES = 16_384;
/** Between two looks whether the reader has caught up, milliseconds. */
const LOOK_MS = 50;

/** What happened to a connection's queue, for metrics. */
export interface OutboxCounters {
  lines: number;
  writes: number;
  bytes: number;
  /** Ephemeral lines that were left out. */
  leftOut: number;
}

export interface OutboxOptions {
  readonly socket: Socket;
  readonly loop: FlushLoop;
  readonly counters: OutboxCounters;
  /** The queue has grown past its limit (LIM7). Called at most once; the outbox drops everything from then on. */
  readonly onSlow: () => void;
}

/** One connection's queue of lines: first in, first out, counted in bytes, sent by the flush loop. */
export class Outbox implements Flushable {
  readonly #options: OutboxOptions;
  readonly #root: Backlog;
  #tail: Backlog;
  readonly #latest: LatestLines;
  #lookTimer: NodeJS.Timeout | undefined;
  #isQueued = false;
  #isOpen = true;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#root = options.loop.rootOf(options.socket.framing);
    this.#tail = this.#root;
    this.#latest = new LatestLines(() => (options.counters.leftOut += 1));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Bytes that wait here and in the socket. */
  get queuedBytes(): number {
    return this.#tail.bytes + this.#options.socket.bufferedBytes;
  }

  push(line: Buffer, latestKey?: string): void {
    if (!this.#isOpen) return;
    if (latestKey !== undefined && this.#isBehind) {
      this.#latest.keep(latestKey, line, this.#options.loop.maxOutboundBytes / 4);
      this.#lookLater();
      return;
    }
    // The one that is sent makes the one that waited worthless.
    if (latestKey !== undefined) this.#latest.leaveOut(latestKey);
    this.#append(line);
  }

  /** So much waits for the reader that what is ephemeral can only make it worse. */
  get #isBehind(): boolean {
    return this.#tail.bytes + this.#options.socket.bufferedBytes > BEHIND_BYTES;
  }

  #append(line: Buffer): void {
    this.#tail = this.#tail.append(line);
    if (!this.#isQueued) {
      this.#isQueued = true;
      this.#options.loop.add(this);
    }
    if (this.#tail.bytes > this.#options.loop.maxOutboundBytes) this.#slow();
  }

  flush(): void {
    this.#isQueued = false;
    const { socket, loop, counters } = this.#options;
    const tail = this.#tail;
    if (!this.#isOpen || tail === this.#root) return;
    this.#tail = this.#root;
    if (tail.bytes + socket.bufferedBytes > loop.maxOutboundBytes) {
      this.#slow();
      return;
    }
    const batch = tail.batch();
    socket.send(batch);
    counters.lines += batch.lines;
    counters.writes += 1;
    counters.bytes += batch.wire.length;
    if (this.#latest.size > 0) this.#look();
  }

  /** Sends what was kept back, while the reader keeps up. */
  #look(): void {
    while (this.#isOpen && this.#latest.size > 0 && !this.#isBehind) {
      const line = this.#latest.takeOldest();
      if (line !== undefined) this.#append(line);
    }
    if (this.#latest.size > 0) this.#lookLater();
  }

  #lookLater(): void {
    this.#lookTimer ??= setTimeout(() => {
      this.#lookTimer = undefined;
      this.#look();
    }, LOOK_MS);
  }

  /** Takes nothing more; what waits is dropped. */
  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#lookTimer);
    this.#latest.clear();
    this.#tail = this.#root;
  }

  #slow(): void {
    this.close();
    this.#options.onSlow();
  }
}
