import { CLOSE, type CloseReason, type Push } from "@belay/protocol";
import {
  type DrainCancellation,
  type DrainPolicy,
  type DrainReason,
  type DrainReport,
  type DrainRequest,
  type DrainStatus,
  IDLE_DRAIN,
} from "@belay/protocol/control";
import type { Clock, Random } from "../clock.ts";
import type { Movable } from "../session/movable.ts";
import { DRAIN_TICK_MS, lateConnections, planDrain } from "./drain-plan.ts";
import { DrainTally } from "./drain-tally.ts";

/** A connection, as a drain sees it. */
export interface Drainable {
  readonly isOpen: boolean;
  readonly lastCommandMs: number;
  /** Absent where the client cannot continue elsewhere: it is closed. */
  readonly handover: Movable | undefined;
  push(push: Push): void;
  close(reason: CloseReason): void;
}

export interface DrainerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Connections nobody has begun to close. */
  readonly open: () => ReadonlySet<Drainable>;
  /** Sockets there are, closing ones included. */
  readonly sockets: () => number;
  /** Connections that the pods which stay take per second. */
  readonly capacityPerSecond: () => number;
  /** What the pod's traffic label says. */
  readonly isTrafficOff: () => boolean;
  readonly observer: DrainObserver;
}

/** For metrics and the log. */
interface DrainObserver {
  readonly onGoaway: () => void;
  readonly onGone: (how: "moved" | "closed" | "forced") => void;
  readonly onEnd: (report: DrainReport) => void;
}

/** What a drain is asked for, whoever asks. */
export interface DrainOrder {
  readonly deadlineSeconds: number;
  readonly ratePerSecond: number;
  readonly policy: DrainPolicy;
}

/**
 * A client begins its move after a random part of it: enough that those of one tick do not come in one burst, and no more, because
 * moves that are spread by chance alone come in bursts too: at 75 a second with 1 s the delivery gap was 42 – 53 ms, with this 14 – 51.
 */
const WINDOW_MS = 2 * DRAIN_TICK_MS;
/** Who has not left that long after its goaway is asked again: the pod it went to may be gone. */
const PATIENCE_MS = 10_000;
/** What those who move get before the deadline, at most, and as a part of the whole. */
const MAX_RESERVE_MS = 5000;
const RESERVE_PART = 0.2;

/** Carries out drain plans: asks clients that can move to do so, and closes the others (DRN). */
export class Drainer {
  readonly #options: DrainerOptions;
  #term = -1;
  #order: DrainOrder | undefined;
  #reason: DrainReason | undefined;
  #deadlineMs = 0;
  #reserveMs = 0;
  #lastMs = 0;
  #carry = 0;
  #queue: Drainable[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Who has a goaway, and since when. */
  #asked = new Map<Drainable, number>();
  #tally = new DrainTally(0, 0);
  #report: DrainReport | undefined;
  /** A cancellation is faster than the label that goes with it. */
  #isReopened = false;
  #isFinal = false;

  constructor(options: DrainerOptions) {
    this.#options = options;
  }

  get isRequested(): boolean {
    return this.#order !== undefined;
  }

  /** No new client is let in. */
  get isGateClosed(): boolean {
    return this.isRequested || (this.#options.isTrafficOff() && !this.#isReopened);
  }

  /** The pod's labels may have changed. */
  noteLabels(): void {
    if (this.#options.isTrafficOff()) return;
    this.#isReopened = false;
    this.#tally.takeBack();
  }

  /** Why the operator asked for it; undefined where it did not. */
  get reason(): DrainReason | undefined {
    return this.#reason;
  }

  get status(): DrainStatus {
    const report = this.#report !== undefined && { report: this.#report };
    if (this.#order === undefined) return { ...IDLE_DRAIN, ...report };
    const { sockets, open, clock, capacityPerSecond } = this.#options;
    const remaining = sockets();
    const nowMs = clock.nowMs();
    const unasked = open().size - this.#asked.size;
    const start = { nowMs, startedMs: this.#tally.startedMs, deadlineMs: this.#deadlineMs };
    return {
      state: remaining === 0 ? "drained" : "draining",
      remaining,
      ...this.#tally.counts(open().size),
      late: lateConnections({ ...start, unasked, capacityPerSecond: capacityPerSecond() }),
      secondsToDeadline: Math.max(0, Math.round((this.#deadlineMs - nowMs) / 1000)),
      ...report,
    };
  }

  /** A request from the operator. False when its term is an old one: a leader that lost its lease must not steer. */
  request(request: DrainRequest | DrainCancellation): boolean {
    if (request.term < this.#term) return false;
    this.#term = request.term;
    if ("cancel" in request) {
      this.#cancel();
      return true;
    }
    const { reason, deadlineSeconds, ratePerSecond, policy = "ForceClose" } = request;
    this.#reason = reason;
    this.start({ deadlineSeconds, ratePerSecond, policy });
    return true;
  }

  /** Begins a drain, or changes rate, deadline and policy of the one under way. */
  start(order: DrainOrder): void {
    if (this.#isFinal) return;
    const nowMs = this.#options.clock.nowMs();
    this.#isReopened = false;
    if (this.#order === undefined) {
      this.#tally = this.#tally.next(this.#options.sockets(), nowMs);
      this.#report = undefined;
      this.#lastMs = nowMs;
      this.#carry = 0;
    }
    this.#order = order;
    this.#deadlineMs = nowMs + order.deadlineSeconds * 1000;
    const isAnyMovable = [...this.#options.open()].some(({ handover }) => handover !== undefined);
    this.#reserveMs = isAnyMovable ? Math.min(MAX_RESERVE_MS, order.deadlineSeconds * 1000 * RESERVE_PART) : 0;
    clearTimeout(this.#timer);
    this.#step();
  }

  /** The process is to end: nothing changes this drain any more. */
  startFinal(order: Omit<DrainOrder, "policy">): void {
    this.start({ ...order, policy: "ForceClose" });
    this.#isFinal = true;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** A connection begins to close, whoever closes it. */
  noteClosing(connection: Drainable): void {
    this.#asked.delete(connection);
    const isCounted = this.#order !== undefined || this.#tally.isUnfinished;
    if (isCounted && connection.handover?.isMoved === true) this.#count("moved");
  }

  /** The pod serves again. Whoever has not been asked stays, and whoever has need not go. */
  #cancel(): void {
    if (this.#isFinal) return;
    this.#isReopened = true;
    this.#tally.takeBack();
    if (this.#order !== undefined) this.#giveUp("cancelled");
  }

  #giveUp(outcome: "cancelled" | "aborted"): void {
    this.stop();
    this.#end(outcome);
    this.#order = undefined;
    this.#reason = undefined;
    this.#queue = [];
    const asked = this.#asked;
    this.#asked = new Map();
    for (const connection of asked.keys()) {
      if (!connection.isOpen || connection.handover?.isMoved !== false) continue;
      connection.handover.withdraw();
      connection.push({ kind: "goaway_cancel" });
    }
  }

  #end(outcome: DrainReport["outcome"]): void {
    const { clock, open, observer } = this.#options;
    this.#report = this.#tally.end(outcome, open().size, clock.nowMs());
    observer.onEnd(this.#report);
  }

  #step(): void {
    const { clock, random, open, capacityPerSecond } = this.#options;
    const nowMs = clock.nowMs();
    const { ratePerSecond = 0, policy = "ForceClose" } = this.#order ?? {};
    this.#forgetOldGoaways(nowMs);
    const step = planDrain({
      nowMs,
      startedMs: this.#tally.startedMs,
      lastMs: this.#lastMs,
      deadlineMs: this.#deadlineMs,
      policy,
      ratePerSecond,
      capacityPerSecond: capacityPerSecond(),
      remaining: open().size,
      unasked: open().size - this.#asked.size,
      reserveMs: this.#reserveMs,
      carry: this.#carry,
      random: random(),
    });
    this.#lastMs = nowMs;
    switch (step.kind) {
      case "done":
        return this.#finish();
      case "force":
        this.#forceAll();
        return this.#finish();
      case "abort":
        return this.#giveUp("aborted");
      case "ask":
        this.#carry = step.carry;
        this.#ask(step.count, nowMs);
        this.#timer = setTimeout(() => this.#step(), step.wakeMs);
    }
  }

  #finish(): void {
    // Sockets accepted before the gate was closed may still turn up: they are refused at connect.
    this.stop();
    if (this.#report === undefined) this.#end("drained");
  }

  /** Asks the longest idle connections first. */
  #ask(count: number, nowMs: number): void {
    for (let asked = 0; asked < count;) {
      if (this.#queue.length === 0) this.#queue = this.#byActivity();
      const connection = this.#queue.pop();
      if (connection === undefined) return;
      if (!connection.isOpen || this.#asked.has(connection)) continue;
      asked += 1;
      if (connection.handover === undefined) {
        connection.close(CLOSE.shutdown);
        this.#count("closed");
      } else this.#askToMove(connection, connection.handover, nowMs);
    }
  }

  #askToMove(connection: Drainable, handover: Movable, nowMs: number): void {
    this.#asked.set(connection, nowMs);
    const offer = handover.offer();
    // Somebody is taking it: looked at again later.
    if (offer === undefined) return;
    const leftMs = Math.max(0, this.#deadlineMs - nowMs);
    const windowMs = Math.round(Math.min(WINDOW_MS, leftMs / 4));
    // Behind the deadline it is waited for, as long as it takes.
    const deadlineMs = Math.round(leftMs === 0 ? PATIENCE_MS : leftMs);
    connection.push({ kind: "goaway", ...offer, windowMs, deadlineMs });
    this.#options.observer.onGoaway();
  }

  #forgetOldGoaways(nowMs: number): void {
    // In the order in which they were asked.
    for (const [connection, askedMs] of this.#asked) {
      if (nowMs - askedMs < PATIENCE_MS) return;
      this.#asked.delete(connection);
    }
  }

  #forceAll(): void {
    for (const connection of this.#options.open()) {
      if (connection.handover?.isMoved !== true) this.#count("forced");
      connection.close(CLOSE.shutdown);
    }
  }

  #count(how: "moved" | "closed" | "forced"): void {
    this.#tally.count(how);
    this.#options.observer.onGone(how);
  }

  /** The longest idle last, where it is popped. */
  #byActivity(): Drainable[] {
    const unasked = [...this.#options.open()].filter((connection) => !this.#asked.has(connection));
    return unasked.sort((a, b) => b.lastCommandMs - a.lastCommandMs);
  }
}
