import type { Clock } from "../clock.ts";
import type { Framing } from "../transport/framing.ts";
import { Backlog } from "./backlog.ts";

/** Something with bytes to send; asked once per time it was added. */
export interface Flushable {
  flush(): void;
}

/** Longest time the loop collects before it sends again (ORD6), milliseconds. */
const MAX_WINDOW_MS = 5;
/** Longest time it sends before other work gets a turn, milliseconds. */
const SLICE_MS = 5;
/** Sends between two looks at the clock. */
const SENDS_PER_LOOK = 32;

/**
 * Decides when connections are flushed. After quiet: at the end of the current turn of the event loop. Under load: a pass over
 * everybody with a backlog costs c ms (about 4 µs a socket, nearly all of it the kernel's), and the next pass starts no sooner
 * than min(c, 5 ms) after it, so that more messages share a write exactly when writes are what the process is short of.
 */
export class FlushLoop {
  /** Queued bytes that make a connection slow (LIM7). */
  maxOutboundBytes: number;
  /** Finished passes, for metrics. */
  passes = 0;
  readonly #clock: Clock;
  readonly #roots = new Map<Framing, Backlog>();
  #waiting: Flushable[] = [];
  #passing: Flushable[] = [];
  #cursor = 0;
  #passCostMs = 0;
  #nextPassMs = 0;
  #isScheduled = false;

  constructor(clock: Clock, maxOutboundBytes: number) {
    this.#clock = clock;
    this.maxOutboundBytes = maxOutboundBytes;
  }

  /** Where every backlog of sockets with this framing begins. */
  rootOf(framing: Framing): Backlog {
    const known = this.#roots.get(framing);
    if (known !== undefined) return known;
    const root = Backlog.root(framing);
    this.#roots.set(framing, root);
    return root;
  }

  add(flushable: Flushable): void {
    this.#waiting.push(flushable);
    if (!this.#isScheduled) this.#schedule();
  }

  #schedule(): void {
    this.#isScheduled = true;
    const waitMs = Math.round(this.#nextPassMs - this.#clock.nowMs());
    if (waitMs >= 1) setTimeout(() => this.#startPass(), waitMs);
    else setImmediate(() => this.#startPass());
  }

  #startPass(): void {
    const done = this.#passing;
    this.#passing = this.#waiting;
    done.length = 0;
    this.#waiting = done;
    this.#cursor = 0;
    this.#passCostMs = 0;
    this.#slice();
  }

  #slice(): void {
    const startMs = this.#clock.nowMs();
    let nowMs = startMs;
    while (this.#cursor < this.#passing.length && nowMs - startMs < SLICE_MS) {
      const end = Math.min(this.#cursor + SENDS_PER_LOOK, this.#passing.length);
      for (; this.#cursor < end; this.#cursor++) this.#passing[this.#cursor]?.flush();
      nowMs = this.#clock.nowMs();
    }
    this.#passCostMs += nowMs - startMs;
    if (this.#cursor < this.#passing.length) setImmediate(() => this.#slice());
    else this.#endPass(nowMs);
  }

  #endPass(nowMs: number): void {
    this.passes += 1;
    this.#isScheduled = false;
    this.#passing.length = 0;
    this.#nextPassMs = nowMs + Math.min(this.#passCostMs, MAX_WINDOW_MS);
    if (this.#waiting.length > 0) this.#schedule();
    else for (const root of this.#roots.values()) root.forget();
  }
}
