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
  #lostInARow = 0;
  #lostSinceMs = 0;
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

  onProbe(result: ProbeResult): void {
    const nowMs = this.#clock.nowMs();
    this.#rounds += 1;
    if (result === "lost") {
      if (this.#lostInARow === 0) this.#lostSinceMs = nowMs;
      this.#lostInARow += 1;
      this.#failures += 1;
      return;
    }
    this.#lostInARow = 0;
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
    const isDeaf = this.#lostInARow >= LOST_IN_A_ROW;
    if (isDeaf)
      return { problem: "Redis answers, and delivers nothing on new connections either", sinceMs: this.#lostSinceMs };
    if (this.#cutSinceMs !== undefined) return { problem: "Redis is not reached", sinceMs: this.#cutSinceMs };
    return undefined;
  }
}
