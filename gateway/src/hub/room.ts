import type { BrokerPublication, History, HistoryRequest, Position } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { Audience, FanOut } from "./fan-out.ts";
import type { Member } from "./member.ts";
import { RecentHistory } from "./recent-history.ts";
import { recover } from "./recovery.ts";
import { type PublicationShape, RoomPublication } from "./room-publication.ts";
import { placeOf } from "./sequence.ts";

export interface RoomOptions {
  readonly shape: PublicationShape;
  readonly fanOut: FanOut;
  readonly readHistory: (request: HistoryRequest) => Promise<History>;
  readonly clock: Pick<Clock, "nowMs">;
  /** The node was cut off a moment ago, and so may its clients have been. */
  readonly isCrowdLikely: () => boolean;
  /** Calls back when a read that failed may be tried again; `attempt` counts from 1. */
  readonly retryLater: (retry: () => void, attempt: number) => void;
  readonly observer: RoomObserver;
}

/** For metrics. */
export interface RoomObserver {
  readonly onDuplicate: () => void;
  /** A hole was seen; `filled` tells whether history had what was missing. */
  readonly onGap: (filled: boolean) => void;
}

/** Publications that wait while a hole is filled, and that fill it; more, and the hole counts as unfillable. */
const MAX_HELD = 10_000;
/** A broker that is there, and does not answer that often, will not tell what is missing. */
const MAX_ATTEMPTS = 8;

/** What was missed; `unknown`: the broker did not answer; undefined: the history does not have all of it. */
type Missed = readonly BrokerPublication[] | "unknown" | undefined;

/**
 * Subscribers of one channel on this node. It keeps the channel's order: a publication that came twice is dropped, and a hole is
 * filled from the history, once for all subscribers, before anything newer is handed out. Where that is not possible those who
 * count on positions are told, and nobody sees a silent hole.
 */
export class Room implements Audience {
  readonly members: Set<Member> = new Set<Member>();
  readonly backlog: { readonly publication: RoomPublication; readonly sequence: number }[] = [];
  /** For subscribers that come. */
  readonly recent: RecentHistory;
  readonly #options: RoomOptions;
  #last: Position | undefined;
  #floor: Position | undefined;
  #previousData: Buffer | undefined;
  /** What came while a hole is being filled. */
  #held: BrokerPublication[] | undefined;
  /** There was an interruption since somebody's history was read. */
  #isDoubtful = false;
  /** There was an interruption while a hole was being filled. */
  #looksAgain = false;
  /** Tries the read that failed again, at once. */
  #retry: (() => void) | undefined;
  #attempts = 0;
  #checkedAtMs: number;
  #hasHandedOut = false;

  constructor(options: RoomOptions) {
    this.#options = options;
    const { shape, clock, readHistory, isCrowdLikely } = options;
    this.#checkedAtMs = clock.nowMs();
    this.recent = new RecentHistory({ channel: shape.channel, clock, read: readHistory, isCrowdLikely });
  }

  get channel(): string {
    return this.#options.shape.channel;
  }

  /** A subscriber is told this position now: publications behind it may not be missed any more. */
  expectAfter(position: Position): void {
    const isLower = this.#last === undefined && this.#lowerFloor(position);
    const isOtherEpoch = this.#last !== undefined && this.#last.epoch !== position.epoch;
    // Who is behind a known place was handed all that was found missing there.
    if ((this.#isDoubtful && isLower) || isOtherEpoch) void this.verify();
  }

  /** An ephemeral publication: it has no place in the order, and fills no hole. */
  pass(publication: BrokerPublication): void {
    const { shape, fanOut } = this.#options;
    fanOut.deliver(this, new RoomPublication(publication, shape, undefined));
  }

  accept(publication: BrokerPublication): void {
    if (this.#held !== undefined) {
      this.#held.push(publication);
      if (this.#held.length > MAX_HELD) this.#retry?.();
      return;
    }
    const place = placeOf(this.#known(), publication.position);
    if (place === "duplicate") this.#options.observer.onDuplicate();
    else if (place === "gap" && this.#hasPositionedMembers()) void this.#fill(publication);
    else {
      if (place === "newEpoch") this.#loseAllBut(publication.position.epoch);
      this.#hand(publication);
    }
  }

  /** Looks whether something was missed, after the way to other nodes was interrupted. Resolves when it is known. */
  async verify(): Promise<void> {
    // Who is still being subscribed may have read the history before the interruption: looked again when it has its place.
    this.#isDoubtful = this.#hasOpeningMembers();
    this.#attempts = 0;
    if (this.#retry !== undefined) this.#retry();
    else if (this.#held !== undefined) this.#looksAgain = true;
    else if ((this.#last ?? this.#floor) !== undefined && this.#hasPositionedMembers()) await this.#fill();
  }

  /**
   * Whether the position should be compared with the broker's now: nothing came since the last call, and it was not compared for
   * `everyMs`. A lost publication shows with the next one, and without one only so.
   */
  isCheckDue(nowMs: number, everyMs: number): boolean {
    this.recent.forgetOld();
    const wasQuiet = !this.#hasHandedOut;
    this.#hasHandedOut = false;
    if (!wasQuiet || nowMs - this.#checkedAtMs < everyMs) return false;
    this.#checkedAtMs = nowMs;
    return this.#held === undefined && this.#hasPositionedMembers();
  }

  /** Whether the room has not reached a place that the broker has given out. */
  isBehind({ offset, epoch }: Position): boolean {
    const known = this.#last ?? this.#floor;
    return this.#held === undefined && known !== undefined && (known.epoch !== epoch || known.offset < offset);
  }

  #known(): { last?: Position; floor?: Position } {
    return {
      ...(this.#last !== undefined && { last: this.#last }),
      ...(this.#floor !== undefined && { floor: this.#floor }),
    };
  }

  #hasPositionedMembers(): boolean {
    for (const member of this.members) if (member.isPositioned) return true;
    return false;
  }

  #hasOpeningMembers(): boolean {
    for (const member of this.members) if (member.isPositioned && member.epoch === undefined) return true;
    return false;
  }

  /** The smallest place that anybody was told before the first publication: what is behind it must come or be read. */
  #lowerFloor(position: Position): boolean {
    const floor = this.#floor;
    const isLower = floor === undefined || floor.epoch !== position.epoch || position.offset < floor.offset;
    if (isLower) this.#floor = position;
    return isLower;
  }

  #hand(publication: BrokerPublication): void {
    this.#last = publication.position;
    this.#hasHandedOut = true;
    this.recent.follow(publication);
    const { shape, fanOut } = this.#options;
    fanOut.deliver(this, new RoomPublication(publication, shape, this.#previousData));
    this.#previousData = publication.data;
  }

  /** One history read for all; what comes meanwhile waits. Resolves after the first attempt. */
  async #fill(next?: BrokerPublication): Promise<void> {
    this.#held = next === undefined ? [] : [next];
    this.#attempts = 0;
    await this.#attemptFill();
  }

  async #attemptFill(): Promise<void> {
    this.#retry = undefined;
    this.#attempts += 1;
    const since = this.#last ?? this.#floor;
    const missed = since === undefined ? undefined : await this.#readMissed(since);
    if (missed === "unknown" && this.#mayTryAgain()) return this.#tryLater();
    await this.#finishFill(since, missed);
  }

  #mayTryAgain(): boolean {
    return this.#attempts < MAX_ATTEMPTS && (this.#held ?? []).length <= MAX_HELD && this.members.size > 0;
  }

  /** The broker is away: what is missing is asked for when it is back, or after a while. */
  #tryLater(): void {
    const retry = (): void => {
      if (this.#retry === retry) void this.#attemptFill();
    };
    this.#retry = retry;
    this.#options.retryLater(retry, this.#attempts);
  }

  async #finishFill(since: Position | undefined, missed: Missed): Promise<void> {
    const held = this.#held ?? [];
    const isFilled = missed !== undefined && missed !== "unknown" && held.length <= MAX_HELD;
    if (!isFilled || missed.length > 0) this.#options.observer.onGap(isFilled);
    this.#held = undefined;
    if (isFilled && since !== undefined) {
      // Those who were told, or cut, at the same time come back for what is read here.
      this.recent.begin(since);
      this.#checkedAtMs = this.#options.clock.nowMs();
      this.#handMissed(missed);
    } else this.#forgetOrder();
    for (const publication of held) this.accept(publication);
    await this.#lookAgain();
  }

  async #lookAgain(): Promise<void> {
    if (!this.#looksAgain || this.#held !== undefined) return;
    this.#looksAgain = false;
    await this.verify();
  }

  #handMissed(missed: readonly BrokerPublication[]): void {
    for (const publication of missed) this.#hand(publication);
    const { epoch } = this.#last ?? this.#floor ?? {};
    if (epoch !== undefined) this.#loseAllBut(epoch);
  }

  async #readMissed(since: Position): Promise<Missed> {
    const { readHistory, shape } = this.#options;
    try {
      const history = await readHistory({ channel: shape.channel, since, limit: MAX_HELD });
      const { recovered, publications } = recover(history, since);
      if (!recovered) return undefined;
      return publications.map((stored) => ({
        ...stored,
        channel: shape.channel,
        position: { offset: stored.offset, epoch: since.epoch },
      }));
    } catch {
      return "unknown";
    }
  }

  /** Order starts anew with the next publication; nobody who counted on the old one stays. */
  #forgetOrder(): void {
    this.#last = undefined;
    this.#floor = undefined;
    this.recent.forget();
    this.#isDoubtful = this.#hasOpeningMembers();
    this.#loseAllBut(undefined);
  }

  #loseAllBut(epoch: string | undefined): void {
    for (const member of this.members) {
      if (member.epoch !== undefined && member.epoch !== epoch) member.lose();
    }
  }
}
