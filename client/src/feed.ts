import { type Retrying, retryMs } from "./backoff.ts";
import type { ClientStore } from "./client-store.ts";
import type { CancelTimer, Clock } from "./clock.ts";
import { guarded } from "./emitter.ts";
import { ConnectionLostError, RequestTimeoutError } from "./errors.ts";
import { isTemporary } from "./failure.ts";
import type { Link } from "./link.ts";
import type { StreamPosition, SubscribeResult, WirePublication } from "./messages.ts";
import {
  arrived,
  continued,
  filled,
  type Reset,
  type Sequence,
  type SequenceStep,
  type Shown,
  subscribed,
} from "./sequencer.ts";
import type { Trace } from "./trace.ts";

export interface FeedDeps extends Retrying {
  readonly channel: string;
  readonly isFiltered: boolean;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly link: () => Link | undefined;
  /** Keeps the place for the next page. */
  readonly places?: Pick<ClientStore, "position" | "moveTo"> | undefined;
  readonly onPublication: (publication: WirePublication) => void;
  /** What follows waits until a promise that this answers with is settled. */
  readonly onReset: (reset: Reset) => Promise<void> | undefined;
}

/** More missing publications than this are not asked for. */
const MAX_FILL = 5000;
/** Publications of one request: far below what a server refuses to answer. */
const PAGE = 200;
const FILL_TRIES = 4;

/** What one subscription delivers, in the order and completeness that the sequencer decides. */
export class Feed {
  readonly #deps: FeedDeps;
  #sequence: Sequence;
  /** Grows where an answer under way is of no use any more. */
  #turn = 0;
  #cancelTimer: CancelTimer | undefined;
  /** What waits until the application has reloaded. */
  #behindReload: Shown[] | undefined;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    const position = deps.places?.position(deps.channel);
    this.#sequence = { isFiltered: deps.isFiltered, position };
  }

  get position(): StreamPosition | undefined {
    return this.#sequence.position;
  }

  subscribed(result: SubscribeResult): void {
    this.stopFilling();
    this.#take(subscribed(this.#sequence, result));
  }

  arrived(publication: WirePublication): void {
    this.#take(arrived(this.#sequence, publication));
  }

  /** Another connection delivers behind this place. */
  continued(position: StreamPosition, isComplete: boolean): void {
    this.#take(continued(this.#sequence, position, isComplete));
  }

  /** The connection is gone: whatever goes on with the next one asks again. */
  stopFilling(): void {
    this.#turn += 1;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** The application ended the subscription: the next one begins anew. */
  forget(): void {
    this.stopFilling();
    this.#sequence = { isFiltered: this.#deps.isFiltered };
    this.#behindReload = undefined;
    this.#moveTo(undefined);
  }

  #take({ sequence, shown, fill }: SequenceStep): void {
    this.#sequence = sequence;
    const turn = this.#turn;
    // A fill may be given up at once, and shows what is newer.
    this.#showAll(shown);
    if (fill === undefined || turn !== this.#turn) return;
    this.#deps.trace({ type: "gap", channel: this.#deps.channel, from: fill.since.offset, to: fill.until });
    this.#fill({ ...fill, attempt: 0, found: [] });
  }

  #showAll(all: readonly Shown[]): void {
    const sequence = this.#sequence;
    for (const each of all) {
      this.#show(each);
      // Who was shown it has ended the subscription.
      if (this.#sequence !== sequence) return;
    }
    // Only what the application has seen is behind its place.
    const { position } = sequence;
    if (position !== undefined && this.#behindReload === undefined) this.#moveTo(position);
  }

  #moveTo(position: StreamPosition | undefined): void {
    guarded(() => this.#deps.places?.moveTo(this.#deps.channel, position));
  }

  #show(shown: Shown): void {
    if (this.#behindReload !== undefined) {
      this.#behindReload.push(shown);
      return;
    }
    if (shown.type === "publication") return this.#deps.onPublication(shown.publication);
    this.#deps.trace({ type: "reset", channel: this.#deps.channel, reason: shown.reset.reason });
    const sequence = this.#sequence;
    const reload = guarded(() => this.#deps.onReset(shown.reset));
    if (reload === undefined || this.#sequence !== sequence) return;
    const behind: Shown[] = [];
    this.#behindReload = behind;
    const goOn = (): void => {
      if (this.#behindReload !== behind) return;
      this.#behindReload = undefined;
      this.#showAll(behind);
    };
    // Types do not bind everybody: it may be no promise.
    Promise.resolve(reload).then(goOn, (error: unknown) => {
      goOn();
      guarded(() => {
        throw error;
      });
    });
  }

  #fill(filling: Filling): void {
    this.stopFilling();
    const turn = this.#turn;
    const link = this.#deps.link();
    const { since, until, found } = filling;
    // Without a connection the subscription begins again with the next one, and this hole with it.
    if (link === undefined) return;
    const from = found.at(-1)?.offset ?? since.offset;
    if (until - from > MAX_FILL) return this.#giveUp(until);
    const { channel } = this.#deps;
    const place = { limit: Math.min(PAGE, until - from), since: { ...since, offset: from } };
    link.request({ kind: "history", channel, reverse: false, ...place }, (outcome) => {
      if (turn !== this.#turn) return;
      if (!outcome.ok) return this.#failed(outcome.error, filling);
      const { reply } = outcome;
      if (reply.kind !== "history" || reply.result.epoch !== since.epoch) return this.#giveUp(until);
      const { publications } = reply.result;
      const all = [...found, ...publications];
      const reached = all.at(-1)?.offset ?? since.offset;
      if (publications.length > 0 && reached > from && reached < until) this.#fill({ ...filling, found: all });
      else this.#take(filled(this.#sequence, until, all));
    });
  }

  #failed(error: Error, filling: Filling): void {
    const { until, attempt } = filling;
    const again = (): void => this.#fill({ ...filling, attempt: attempt + 1 });
    // The connection may have been followed by another one without a loss.
    const isLost = error instanceof ConnectionLostError;
    const isUnanswered = error instanceof RequestTimeoutError;
    // A dead connection must not use the tries up: the next one can fill the hole.
    if (isUnanswered) this.#deps.link()?.probe();
    const mayHelp = isUnanswered || isTemporary(error);
    if (!isLost && (!mayHelp || attempt >= FILL_TRIES)) return this.#giveUp(until);
    this.#cancelTimer = this.#deps.clock.after(isLost ? 0 : retryMs(this.#deps, attempt), again);
  }

  #giveUp(until: number): void {
    this.#take(filled(this.#sequence, until, undefined));
  }
}

interface Filling {
  readonly since: StreamPosition;
  readonly until: number;
  readonly attempt: number;
  /** Pages that have come. */
  readonly found: readonly WirePublication[];
}
