import type { Socket } from "../transport/socket.ts";
import type { Backlog } from "./backlog.ts";
import type { FlushLoop, Flushable } from "./flush.ts";

/** What happened to a connection's queue, for metrics. */
export interface OutboxCounters {
  lines: number;
  writes: number;
  bytes: number;
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
  #isQueued = false;
  #isOpen = true;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#root = options.loop.rootOf(options.socket.framing);
    this.#tail = this.#root;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  push(line: Buffer): void {
    if (!this.#isOpen) return;
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
  }

  /** Takes nothing more; what waits is dropped. */
  close(): void {
    this.#isOpen = false;
    this.#tail = this.#root;
  }

  #slow(): void {
    this.close();
    this.#options.onSlow();
  }
}
