import { CLOSE, type CloseReason } from "@belay/protocol";
import { type DrainReason, type DrainRequest, type DrainStatus, IDLE_DRAIN } from "@belay/protocol/control";
import type { Clock, Random } from "../clock.ts";
import { planDrain } from "./drain-plan.ts";

/** A connection, as a drain sees it. */
export interface Drainable {
  readonly isOpen: boolean;
  readonly lastCommandMs: number;
  close(reason: CloseReason): void;
}

export interface DrainerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Connections nobody has begun to close. */
  readonly open: () => ReadonlySet<Drainable>;
  /** Sockets there are, closing ones included. */
  readonly sockets: () => number;
}

/** What a drain is asked for, whoever asks. */
export interface DrainOrder {
  readonly deadlineSeconds: number;
  readonly ratePerSecond: number;
}

/** Carries out drain plans (DRN1–DRN3). Once asked to drain it does not go back. */
export class Drainer {
  readonly #options: DrainerOptions;
  #term = -1;
  #order: DrainOrder | undefined;
  #reason: DrainReason | undefined;
  #deadlineMs = 0;
  #lastMs = 0;
  #carry = 0;
  #queue: Drainable[] = [];
  #timer: NodeJS.Timeout | undefined;
  #atStart = 0;
  #closed = 0;
  #forced = 0;

  constructor(options: DrainerOptions) {
    this.#options = options;
  }

  get isRequested(): boolean {
    return this.#order !== undefined;
  }

  /** Why the operator asked for it; undefined where it did not. */
  get reason(): DrainReason | undefined {
    return this.#reason;
  }

  get status(): DrainStatus {
    if (this.#order === undefined) return IDLE_DRAIN;
    const remaining = this.#options.sockets();
    const handled = this.#closed + this.#forced + this.#options.open().size;
    return {
      state: remaining === 0 ? "drained" : "draining",
      atStart: this.#atStart,
      remaining,
      closed: this.#closed,
      forced: this.#forced,
      left: Math.max(0, this.#atStart - handled),
      secondsToDeadline: Math.max(0, Math.round((this.#deadlineMs - this.#options.clock.nowMs()) / 1000)),
    };
  }

  /** A request from the operator. False when its term is an old one: a leader that lost its lease must not steer. */
  request({ term, deadlineSeconds, ratePerSecond, reason }: DrainRequest): boolean {
    if (term < this.#term) return false;
    this.#term = term;
    this.#reason = reason;
    this.start({ deadlineSeconds, ratePerSecond });
    return true;
  }

  /** Begins a drain, or changes rate and deadline of the one under way. */
  start(order: DrainOrder): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.#order === undefined) {
      this.#atStart = this.#options.sockets();
      this.#lastMs = nowMs;
    }
    this.#order = order;
    this.#deadlineMs = nowMs + order.deadlineSeconds * 1000;
    clearTimeout(this.#timer);
    this.#step();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #step(): void {
    const { clock, random, open } = this.#options;
    const nowMs = clock.nowMs();
    const step = planDrain({
      nowMs,
      lastMs: this.#lastMs,
      deadlineMs: this.#deadlineMs,
      ratePerSecond: this.#order?.ratePerSecond ?? 0,
      remaining: open().size,
      carry: this.#carry,
      random: random(),
    });
    this.#lastMs = nowMs;
    switch (step.kind) {
      case "done":
        // Sockets accepted before the gate was closed may still turn up: they are refused at connect.
        this.stop();
        return;
      case "force":
        this.#forced += this.#close(open().size);
        this.stop();
        return;
      case "close":
        this.#carry = step.carry;
        this.#closed += this.#close(step.count);
        this.#timer = setTimeout(() => this.#step(), step.wakeMs);
    }
  }

  /** Closes the longest idle connections first; returns how many. */
  #close(count: number): number {
    let closed = 0;
    while (closed < count) {
      if (this.#queue.length === 0) this.#queue = this.#byActivity();
      const connection = this.#queue.pop();
      if (connection === undefined) break;
      if (!connection.isOpen) continue;
      connection.close(CLOSE.shutdown);
      closed += 1;
    }
    return closed;
  }

  /** The longest idle last, where it is popped. */
  #byActivity(): Drainable[] {
    return [...this.#options.open()].sort((a, b) => b.lastCommandMs - a.lastCommandMs);
  }
}
