import type { DrainOutcome, DrainStatus } from "@belay/protocol/control";
import { Counter, Gauge, type Registry } from "prom-client";

/** What drains do. */
export class DrainMetrics {
  readonly #goaways: Counter;
  readonly #gone: Counter<"how">;
  readonly #ended: Counter<"outcome">;

  constructor(registry: Registry, status: () => DrainStatus) {
    const registers = [registry];
    this.#goaways = new Counter({
      name: "belay_gateway_drain_goaways_total",
      help: "Times that a client was asked to continue on another pod.",
      registers,
    });
    this.#gone = new Counter({
      name: "belay_gateway_drain_connections_total",
      help: "Connections that a drain made leave: moved to another pod, closed at the rate, or forced at the deadline.",
      labelNames: ["how"],
      registers,
    });
    this.#ended = new Counter({
      name: "belay_gateway_drains_total",
      help: "Drains that have ended: with an empty pod, cancelled, or aborted at the deadline.",
      labelNames: ["outcome"],
      registers,
    });
    const remaining: Gauge = new Gauge({
      name: "belay_gateway_drain_remaining",
      help: "Connections that the drain under way still has; 0 without one.",
      collect: () => remaining.set(status().remaining),
      registers: [],
    });
    registry.registerMetric(remaining);
  }

  onGoaway(): void {
    this.#goaways.inc();
  }

  onGone(how: "moved" | "closed" | "forced"): void {
    this.#gone.inc({ how });
  }

  onEnd(outcome: DrainOutcome): void {
    this.#ended.inc({ outcome });
  }
}
