import type { Clock, Random } from "../clock.ts";

/**
 * Finds a subscriber connection that looks healthy and delivers nothing (seen in the field after failovers): when it was silent for
 * an interval, a probe goes through Redis to the node's own channel; when that does not arrive either, the connection is rebuilt.
 */
export interface LoopbackProbeOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  /** Silence after which a probe is sent. */
  readonly intervalMs: number;
  /** Publishes to the node's own channel; resolves with the number of connections that Redis sent it to. Rejects when Redis cannot be reached. */
  readonly send: () => Promise<number>;
  /** Whether the connection claims to be up. A connection that knows it is down needs no probe. */
  readonly isUp: () => boolean;
  readonly rebuild: () => void;
  readonly onResult: (result: ProbeResult) => void;
}

/**
 * What became of an interval. `heard`: something came, no probe was needed; `answered`: the probe came back; `lost`: it did not, the
 * connection is rebuilt. `ended`: nobody needs the connection any more.
 */
export type ProbeResult = "heard" | "answered" | "lost" | "ended";

/** A rebuild that does not help is repeated ever later, up to this many intervals. */
const BACKOFF_CAP_INTERVALS = 10;

export class LoopbackProbe {
  readonly #options: LoopbackProbeOptions;
  #heardAtMs: number;
  #sentAtMs: number | undefined;
  #hasHeard = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: LoopbackProbeOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.nowMs();
  }

  start(): void {
    this.#arm(this.#options.intervalMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Anything arrived on the connection. */
  heard(): void {
    this.#heardAtMs = this.#options.clock.nowMs();
    this.#hasHeard = true;
    if (this.#sentAtMs === undefined) return;
    this.#sentAtMs = undefined;
    this.#failures = 0;
    this.#options.onResult("answered");
    this.#arm(this.#options.intervalMs);
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.#tick(), delayMs);
  }

  #tick(): void {
    if (!this.#options.isUp()) return this.#arm(this.#options.intervalMs / 2);
    if (this.#sentAtMs !== undefined) return this.#giveUp();
    const silentMs = this.#options.clock.nowMs() - this.#heardAtMs;
    const patienceMs = this.#patienceMs();
    const hasHeard = this.#hasHeard;
    this.#hasHeard = false;
    if (silentMs >= patienceMs) return void this.#probe();
    if (hasHeard) this.#options.onResult("heard");
    this.#arm(patienceMs - silentMs);
  }

  async #probe(): Promise<void> {
    this.#sentAtMs = this.#options.clock.nowMs();
    // Half an interval for the answer: with one for the silence before it, a wedge is mended within two.
    this.#arm(this.#options.intervalMs / 2);
    try {
      const receivers = await this.#options.send();
      // Redis itself says that nobody listens: no need to wait.
      if (receivers === 0 && this.#sentAtMs !== undefined) this.#giveUp();
    } catch {
      // Redis cannot be reached for publishing: that says nothing about this connection.
      this.#sentAtMs = undefined;
      this.#arm(this.#options.intervalMs / 2);
    }
  }

  #giveUp(): void {
    this.#sentAtMs = undefined;
    this.#failures += 1;
    this.#heardAtMs = this.#options.clock.nowMs();
    this.#options.onResult("lost");
    this.#arm(this.#patienceMs());
    this.#options.rebuild();
  }

  #patienceMs(): number {
    const { intervalMs, random } = this.#options;
    if (this.#failures === 0) return intervalMs;
    const intervals = Math.min(2 ** this.#failures, BACKOFF_CAP_INTERVALS);
    return intervalMs * intervals * (0.5 + random() / 2);
  }
}
