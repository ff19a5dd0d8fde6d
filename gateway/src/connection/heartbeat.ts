import type { Clock, Random } from "../clock.ts";
import { type TimerWheel, WheelTimer } from "./timer-wheel.ts";

interface HeartbeatTiming {
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
}

export interface HeartbeatOptions {
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly random: Random;
  /** Read again for every step, so that a changed setting acts on open connections. */
  readonly timing: () => HeartbeatTiming;
  readonly onStale: () => void;
  /** A unidirectional client hears pings and answers none. */
  readonly expectsPong: boolean;
  readonly onPing: () => void;
  readonly onNoPong: () => void;
}

/** The clockwork of one connection: connect in time (HS5) and answer pings (HB1, HB2). */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timer: WheelTimer;
  #step: "connect" | "ping" | "pong" = "connect";
  #pingedMs = 0;
  #seenMs = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = new WheelTimer((nowMs) => this.#onDue(nowMs));
    options.wheel.schedule(this.#timer, options.clock.nowMs() + options.timing().connectTimeoutMs);
  }

  /** The client is connected. The first ping comes early by chance, so that clients that came together are not pinged together. */
  begin(): void {
    const { wheel, clock, random, timing } = this.#options;
    this.#step = "ping";
    wheel.schedule(this.#timer, clock.nowMs() + timing().pingIntervalMs * (0.5 + random() / 2));
  }

  /** The client sent something. Only noted: moving the timer for every frame would cost more than it brings. */
  seen(nowMs: number): void {
    this.#seenMs = nowMs;
  }

  stop(): void {
    this.#options.wheel.cancel(this.#timer);
  }

  #onDue(nowMs: number): void {
    const { wheel, timing, expectsPong, onStale, onPing, onNoPong } = this.#options;
    switch (this.#step) {
      case "connect":
        onStale();
        return;
      case "ping":
        this.#step = "pong";
        this.#pingedMs = nowMs;
        onPing();
        wheel.schedule(this.#timer, nowMs + timing().pongTimeoutMs);
        return;
      case "pong":
        if (expectsPong && this.#seenMs < this.#pingedMs) {
          onNoPong();
          return;
        }
        this.#step = "ping";
        wheel.schedule(this.#timer, this.#pingedMs + timing().pingIntervalMs);
    }
  }
}
