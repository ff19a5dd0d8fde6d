import type { Clock } from "../clock.ts";

const SLOTS = 512;

/** One timer of the wheel; owned by whoever made it, moved at no cost. */
export class WheelTimer {
  /** Called on the wheel's tick after the due time. Must not throw. */
  readonly onDue: (nowMs: number) => void;
  dueMs = 0;
  slot = -1;

  constructor(onDue: (nowMs: number) => void) {
    this.onDue = onDue;
  }
}

/** All deadlines of all connections on one interval: 20,000 sockets must not be 20,000 timers of the event loop. */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: readonly Set<WheelTimer>[] = Array.from({ length: SLOTS }, () => new Set<WheelTimer>());
  #interval: NodeJS.Timeout | undefined;
  #tick: number;

  /** @param tickMs resolution of every timer, milliseconds. */
  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#tick = this.#tickOf(clock.nowMs());
  }

  start(): void {
    this.#interval ??= setInterval(() => this.advance(), this.#tickMs);
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  schedule(timer: WheelTimer, dueMs: number): void {
    this.cancel(timer);
    timer.dueMs = dueMs;
    // Never the slot under the hand: a timer due at once would wait for a whole turn.
    timer.slot = Math.max(Math.ceil(dueMs / this.#tickMs), this.#tick + 1) % SLOTS;
    this.#slots[timer.slot]?.add(timer);
  }

  cancel(timer: WheelTimer): void {
    if (timer.slot >= 0) this.#slots[timer.slot]?.delete(timer);
    timer.slot = -1;
  }

  /** Runs what is due by now. Timers more than one turn of the wheel away stay where they are. */
  advance(): void {
    const nowMs = this.#clock.nowMs();
    const target = this.#tickOf(nowMs);
    // After a long stall one turn visits every slot.
    const last = Math.min(target, this.#tick + SLOTS);
    for (let tick = this.#tick + 1; tick <= last; tick++) {
      this.#tick = tick;
      this.#runSlot(tick % SLOTS, nowMs);
    }
    this.#tick = target;
  }

  #runSlot(slot: number, nowMs: number): void {
    // A Set may change under its iterator; a timer that schedules itself lands in a later slot.
    for (const timer of this.#slots[slot] ?? []) {
      if (timer.dueMs > nowMs) continue;
      this.cancel(timer);
      timer.onDue(nowMs);
    }
  }

  #tickOf(ms: number): number {
    return Math.floor(ms / this.#tickMs);
  }
}
