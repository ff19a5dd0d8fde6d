import { setTimeout as wait } from "node:timers/promises";
import { WorkLimit } from "../auth/work-limit.ts";
import type { Clock } from "../clock.ts";
import {
  admitRequest,
  BREAKER_POLICY,
  type BreakerPolicy,
  type BreakerState,
  closedBreaker,
  settleRequest,
} from "./breaker.ts";
import type { HookFailure, HookResponse } from "./hook-transport.ts";

export interface HookBounds {
  /** For everything: waiting in line, the request, and a second one. Milliseconds. */
  readonly timeoutMs: number;
  readonly maxRunning: number;
  readonly maxWaiting: number;
  /** The application may be asked twice without harm. */
  readonly isRepeatable: boolean;
}

export interface HookLineOptions {
  readonly bounds: HookBounds;
  readonly clock: Pick<Clock, "nowMs">;
  readonly policy?: BreakerPolicy;
  readonly onBreaker: (state: BreakerState["state"]) => void;
}

/** Not asked: `busy` when too many wait, `open` while the breaker is. `malformed` is found by who reads the answer. */
export type LineFailure = HookFailure | "busy" | "open" | "malformed";

export type LineOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly failure: LineFailure;
      readonly detail: string;
      readonly isOfRequest?: boolean;
    };

type Post = (signal: AbortSignal) => Promise<HookResponse>;
type Read<T> = (text: string) => T | undefined;

const REPEATED: ReadonlySet<LineFailure> = new Set(["refused-connection", "unavailable"]);
/** With less time than this nobody is asked any more. */
const MIN_LEFT_MS = 5;
/** A pod that was just replaced is out of its Service by then, most likely. */
const REPEAT_AFTER_MS = 50;

/** The requests of one hook: how many at a time, how long, and whether at all. */
export class HookLine {
  readonly #options: HookLineOptions;
  readonly #limit: WorkLimit;
  #breaker: BreakerState;
  /** Counts the breaker's changes: an answer to a request of before says nothing about now. */
  #era = 0;

  constructor(options: HookLineOptions) {
    this.#options = options;
    this.#limit = new WorkLimit(options.bounds);
    this.#breaker = closedBreaker(options.clock.nowMs());
  }

  get breaker(): BreakerState["state"] {
    return this.#breaker.state;
  }

  /** `read` returns undefined for what is no answer. Never rejects, and settles within the timeout. */
  async ask<T>(post: Post, read: Read<T>): Promise<LineOutcome<T>> {
    const endMs = this.#options.clock.nowMs() + this.#options.bounds.timeoutMs;
    const outcome = await this.#limit.run(() => this.#askNow(post, read, endMs));
    return outcome ?? { ok: false, failure: "busy", detail: "too many requests wait" };
  }

  /** Whoever stands before in the line ends before: waiting is bounded by the same time. */
  async #askNow<T>(post: Post, read: Read<T>, endMs: number): Promise<LineOutcome<T>> {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    if (endMs - nowMs < MIN_LEFT_MS) return { ok: false, failure: "busy", detail: "the time went by waiting" };
    const { isAdmitted, next } = admitRequest(this.#breaker, nowMs);
    this.#become(next);
    if (!isAdmitted) return { ok: false, failure: "open", detail: "the breaker is open" };
    const era = this.#era;
    const outcome = await this.#attempt(post, read, endMs);
    if (era === this.#era) {
      // Else one client with questions of that kind would shut out all others.
      const isFailure = !outcome.ok && outcome.isOfRequest !== true;
      const settled = { isFailure, nowMs: clock.nowMs() };
      this.#become(settleRequest(this.#breaker, settled, this.#options.policy ?? BREAKER_POLICY));
    }
    return outcome;
  }

  async #attempt<T>(post: Post, read: Read<T>, endMs: number): Promise<LineOutcome<T>> {
    const first = await this.#once(post, read, endMs);
    if (first.ok || !this.#options.bounds.isRepeatable || !REPEATED.has(first.failure)) return first;
    if (endMs - this.#options.clock.nowMs() <= REPEAT_AFTER_MS) return first;
    await wait(REPEAT_AFTER_MS);
    return this.#once(post, read, endMs);
  }

  async #once<T>(post: Post, read: Read<T>, endMs: number): Promise<LineOutcome<T>> {
    const leftMs = Math.max(1, Math.ceil(endMs - this.#options.clock.nowMs()));
    const response = await post(AbortSignal.timeout(leftMs));
    if (!response.ok) return response;
    const value = read(response.text);
    return value === undefined
      ? { ok: false, failure: "malformed", detail: "not an answer of a hook" }
      : { ok: true, value };
  }

  #become(next: BreakerState): void {
    const isChange = next.state !== this.#breaker.state;
    this.#breaker = next;
    if (!isChange) return;
    this.#era += 1;
    this.#options.onBreaker(next.state);
  }
}
