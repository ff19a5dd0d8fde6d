import type { Clock } from "../clock.ts";
import type { SettingsSource } from "../settings.ts";
import type { Bans } from "./bans.ts";
import { TokenBucket } from "./token-bucket.ts";
import { TurnedAway } from "./turned-away.ts";

/** Why a client has to come back later. */
export type AdmissionLimit = "connections" | "handshakes" | "address" | "user" | "ban";

export interface AdmissionOptions {
  readonly settings: SettingsSource;
  readonly clock: Clock;
  readonly bans: Bans;
  /** Connected clients of this node. */
  readonly clients: () => number;
  readonly onRefused: (limit: AdmissionLimit) => void;
}

/** Who may connect now (LIM6, LIM12, LIM13, LIM14). A refusal is temporary: an SDK comes back by its own backoff. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #handshakes = new TokenBucket();
  readonly #turnedAway = new TurnedAway();
  readonly #perAddress = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Before anybody is asked who it is. */
  refuse(address: string): AdmissionLimit | undefined {
    const { settings, clock, clients } = this.#options;
    const { maxConnections, handshakesPerSecond, handshakeBurst, maxConnectionsPerAddress } =
      settings.current.config.limits;
    if (clients() >= maxConnections) return this.#refused("connections");
    if (maxConnectionsPerAddress !== undefined && (this.#perAddress.get(address) ?? 0) >= maxConnectionsPerAddress) {
      return this.#refused("address");
    }
    const isInTime = this.#handshakes.take(clock.nowMs(), 1, { perSecond: handshakesPerSecond, burst: handshakeBurst });
    return isInTime ? undefined : this.#refused("handshakes");
  }

  /** For a client that was refused just now: milliseconds, of which it is to wait for a random part. */
  comeBackMs(): number {
    const { settings, clock } = this.#options;
    return this.#turnedAway.add(clock.nowMs(), settings.current.config.limits.handshakesPerSecond);
  }

  /** When it is known who it is. */
  refuseBanned(user: string, address: string): AdmissionLimit | undefined {
    return this.#options.bans.isBanned({ user, address }) ? this.#refused("ban") : undefined;
  }

  add(address: string): void {
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  remove(address: string): void {
    const left = (this.#perAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  #refused(limit: AdmissionLimit): AdmissionLimit {
    this.#options.onRefused(limit);
    return limit;
  }
}
