import type { RedisReport } from "@belay/protocol/control";
import type { Clock } from "../clock.ts";
import type { ProbeResult } from "./loopback-probe.ts";
import type { RoundOutcome } from "./replica-confirmation.ts";

/** Lost probes in a row after which building the connection anew has not helped. */
const LOST_IN_A_ROW = 2;

/** What this node knows of its way to Redis and back: for metrics, for /readyz and for the operator. */
export class RedisHealth {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #replicaRounds: Record<RoundOutcome, number> = { complete: 0, late: 0, failed: 0 };
  #rounds = 0;
  #failures = 0;
  #rebuilds = 0;
  /** By server, where the last probe was lost. */
  readonly #lost = new Map<string, { readonly inARow: number; readonly sinceMs: number }>();
  /** Since when the way is cut; undefined while it is not. */
  #cutSinceMs: number | undefined;
  #successAtMs: number | undefined;
  #wasConnected = false;

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
    this.#cutSinceMs = clock.nowMs();
  }

  onConnected(isConnected: boolean): void {
    if (isConnected && this.#wasConnected) this.#rebuilds += 1;
    this.#wasConnected ||= isConnected;
    if (isConnected) this.#successAtMs = this.#clock.nowMs();
    this.#cutSinceMs = isConnected ? undefined : (this.#cutSinceMs ?? this.#clock.nowMs());
  }

  /** `server`: where the probed connection leads to. */
  onProbe(result: ProbeResult, server: string): void {
    const nowMs = this.#clock.nowMs();
    if (result === "ended") return void this.#lost.delete(server);
    this.#rounds += 1;
    if (result === "lost") {
      const { inARow, sinceMs } = this.#lost.get(server) ?? { inARow: 0, sinceMs: nowMs };
      this.#lost.set(server, { inARow: inARow + 1, sinceMs });
      this.#failures += 1;
      return;
    }
    this.#lost.delete(server);
    this.#successAtMs = nowMs;
  }

  onReplicaRound(outcome: RoundOutcome): void {
    this.#replicaRounds[outcome] += 1;
  }

  /** How often replicas were asked, since the start. */
  get replicaRounds(): Readonly<Record<RoundOutcome, number>> {
    return this.#replicaRounds;
  }

  report(): RedisReport {
    const nowMs = this.#clock.nowMs();
    const trouble = this.#trouble();
    return {
      probe: {
        rounds: this.#rounds,
        failures: this.#failures,
        rebuilds: this.#rebuilds,
        ...(this.#successAtMs !== undefined && { lastSuccessAgeSeconds: (nowMs - this.#successAtMs) / 1_000 }),
      },
      problem: trouble?.problem ?? "",
      troubleSeconds: trouble === undefined ? 0 : (nowMs - trouble.sinceMs) / 1_000,
    };
  }

  #trouble(): { readonly problem: string; readonly sinceMs: number } | undefined {
    const deaf = [...this.#lost.values()].filter(({ inARow }) => inARow >= LOST_IN_A_ROW);
    if (deaf.length > 0) {
      const sinceMs = Math.min(...deaf.map((each) => each.sinceMs));
      return { problem: "Redis answers, and delivers nothing on new connections either", sinceMs };
    }
    if (this.#cutSinceMs !== undefined) return { problem: "Redis is not reached", sinceMs: this.#cutSinceMs };
    return undefined;
  }
}
