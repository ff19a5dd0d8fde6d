import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** State of the breaker of each configured hook. */
export type HookBreakers = readonly { readonly hook: string; readonly state: "closed" | "open" | "half-open" }[];

const STATE_VALUES: Readonly<Record<HookBreakers[number]["state"], number>> = { closed: 0, "half-open": 1, open: 2 };
/** Seconds; the default timeout is 1 s and the largest 30 s. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What the application's hooks do. */
export class HookMetrics {
  readonly #requests: Counter<"hook" | "outcome">;
  readonly #seconds: Histogram<"hook">;

  constructor(registry: Registry, breakers: () => HookBreakers) {
    const registers = [registry];
    this.#requests = new Counter({
      name: "belay_gateway_hook_requests_total",
      help: "Questions to the application, by hook and outcome.",
      labelNames: ["hook", "outcome"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "belay_gateway_hook_duration_seconds",
      help: "Time until a hook was answered or given up, waiting included.",
      labelNames: ["hook"],
      buckets: BUCKETS,
      registers,
    });
    const states = new Gauge({
      name: "belay_gateway_hook_breaker_state",
      help: "Breaker of a hook: 0 closed, 1 half-open, 2 open.",
      labelNames: ["hook"],
      collect: () => {
        states.reset();
        for (const { hook, state } of breakers()) states.set({ hook }, STATE_VALUES[state]);
      },
      registers: [],
    });
    registry.registerMetric(states);
  }

  onAnswered(hook: string, outcome: string, seconds: number): void {
    this.#requests.inc({ hook, outcome });
    this.#seconds.observe({ hook }, seconds);
  }
}
