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

/** Publications that wait while a hole is filled; more, and the hole counts as unfillable. */
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

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** A subscriber is about to be told this position: publications behind it may not be missed from now on. */
  expectAfter(position: Position): void {
    if (this.#last !== undefined || this.#held !== undefined) return;
    const floor = this.#floor;
    if (floor === undefined || floor.epoch !== position.epoch || floor.offset < position.offset) this.#floor = position;
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
  verify(): Promise<void> {
    const isIdle = this.#held === undefined && (this.#last ?? this.#floor) !== undefined;
    return isIdle && this.#hasPositionedMembers() ? this.#fill() : Promise.resolve();
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
    this.#held = undefined;
    const isFilled = missed !== undefined && held.length <= MAX_HELD;
    if (next !== undefined || !isFilled) this.#options.observer.onGap(isFilled);
    if (isFilled) for (const publication of missed) this.#hand(publication);
    else this.#forgetOrder();
    for (const publication of held) this.accept(publication);
  }

  async #readMissed(since: Position): Promise<readonly BrokerPublication[] | undefined> {
    const { readHistory, shape } = this.#options;
    try {
      const history = await readHistory({ channel: shape.channel, since });
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
      if (member.isPositioned && member.epoch !== undefined && member.epoch !== epoch)
        member.options.onInsufficient?.();
    }
  }
}
