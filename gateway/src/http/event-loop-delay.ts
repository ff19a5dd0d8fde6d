import { Histogram, type Registry } from "prom-client";
import type { Clock } from "../clock.ts";

/** How often the loop is asked for a turn, milliseconds. */
const EVERY_MS = 20;
/** Samples that stand for one long block: 20 s. */
const MAX_SAMPLES = 1_000;
/** Seconds. */
const BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * How long something that is due waits for its turn of the event loop. Only what comes on top of the timer's own interval counts.
 * A block of 100 ms also stands for those who came 20, 40 … ms after it began, or long blocks would hardly show in a percentile.
 */
export class EventLoopDelay {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #seconds: Histogram;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;

  constructor(registry: Registry, clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
    this.#seconds = new Histogram({
      name: "belay_gateway_event_loop_delay_seconds",
      help: "How long what is due waits for its turn of the event loop, the timer's resolution not included.",
      buckets: BUCKETS,
      registers: [registry],
    });
  }

  start(): void {
    this.stop();
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#dueMs = this.#clock.nowMs() + EVERY_MS;
    this.#timer = setTimeout(() => this.#sample(), EVERY_MS).unref();
  }

  #sample(): void {
    const delayMs = this.#clock.nowMs() - this.#dueMs;
    this.#seconds.observe(Math.max(0, delayMs) / 1_000);
    for (let missed = 1; missed < MAX_SAMPLES && delayMs > missed * EVERY_MS; missed += 1)
      this.#seconds.observe((delayMs - missed * EVERY_MS) / 1_000);
    this.#arm();
  }
}
