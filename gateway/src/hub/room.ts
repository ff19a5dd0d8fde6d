import type { BrokerPublication, History, HistoryRequest, Position } from "../broker/broker.ts";
import type { Audience, FanOut } from "./fan-out.ts";
import type { Member } from "./member.ts";
import { recover } from "./recovery.ts";
import { type PublicationShape, RoomPublication } from "./room-publication.ts";
import { placeOf } from "./sequence.ts";

export interface RoomOptions {
  readonly shape: PublicationShape;
  readonly fanOut: FanOut;
  readonly readHistory: (request: HistoryRequest) => Promise<History>;
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

/**
 * Subscribers of one channel on this node. It keeps the channel's order: a publication that came twice is dropped, and a hole is
 * filled from the history, once for all subscribers, before anything newer is handed out. Where that is not possible those who
 * count on positions are told, and nobody sees a silent hole.
 */
export class Room implements Audience {
  readonly members: Set<Member> = new Set<Member>();
  readonly backlog: { readonly publication: RoomPublication; readonly sequence: number }[] = [];
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

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** A subscriber is told this position now: publications behind it may not be missed any more. */
  expectAfter(position: Position): void {
    if (this.#last === undefined) this.#lowerFloor(position);
    const isOtherEpoch = this.#last !== undefined && this.#last.epoch !== position.epoch;
    if (this.#isDoubtful || isOtherEpoch) void this.verify();
  }

  accept(publication: BrokerPublication): void {
    if (this.#held !== undefined) {
      this.#held.push(publication);
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
    if (this.#held !== undefined) this.#looksAgain = true;
    else if ((this.#last ?? this.#floor) !== undefined && this.#hasPositionedMembers()) await this.#fill();
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
  #lowerFloor(position: Position): void {
    const floor = this.#floor;
    if (floor === undefined || floor.epoch !== position.epoch || position.offset < floor.offset) this.#floor = position;
  }

  #hand(publication: BrokerPublication): void {
    this.#last = publication.position;
    const { shape, fanOut } = this.#options;
    fanOut.deliver(this, new RoomPublication(publication, shape, this.#previousData));
    this.#previousData = publication.data;
  }

  /** One history read for all; what comes meanwhile waits. */
  async #fill(next?: BrokerPublication): Promise<void> {
    this.#held = next === undefined ? [] : [next];
    const since = this.#last ?? this.#floor;
    const missed = since === undefined ? undefined : await this.#readMissed(since);
    const held = this.#held;
    const isFilled = missed !== undefined && held.length <= MAX_HELD;
    if (!isFilled || missed.length > 0) this.#options.observer.onGap(isFilled);
    this.#held = undefined;
    if (isFilled) this.#handMissed(missed);
    else this.#forgetOrder();
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

  async #readMissed(since: Position): Promise<readonly BrokerPublication[] | undefined> {
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
      // The broker is away again: the same as a history that does not have it.
      return undefined;
    }
  }

  /** Order starts anew with the next publication; nobody who counted on the old one stays. */
  #forgetOrder(): void {
    this.#last = undefined;
    this.#floor = undefined;
    this.#loseAllBut(undefined);
  }

  #loseAllBut(epoch: string | undefined): void {
    for (const member of this.members) {
      if (member.epoch !== undefined && member.epoch !== epoch) member.lose();
    }
  }
}
