import type { Codec } from "@belay/protocol";
import type { Position } from "../broker/broker.ts";
import type { LossNotices } from "./loss-notices.ts";
import type { PublicationForm, RoomPublication } from "./room-publication.ts";

export interface LineSink {
  /** @param latestKey of a line that a newer one with the same key makes worthless: it may be left out (EPH2). */
  push(line: Buffer, latestKey?: string): void;
}

export interface MemberOptions {
  readonly sink: LineSink;
  readonly codec: Codec;
  /** The subscriber counts on an order without holes; told when it cannot be kept. */
  readonly onInsufficient?: () => void;
  /** Only publications with fitting tags. */
  readonly filter?: (tags: Readonly<Record<string, string>>) => boolean;
  /** Deltas were negotiated. */
  readonly isDeltaStream?: boolean;
  readonly joinLeave?: boolean;
  /** The subscriber sees places also where the channel has no history (E1). */
  readonly showsPlaces?: boolean;
}

/** Bytes that may wait for a subscriber whose history is still being read. */
const MAX_WAITING_BYTES = 1_048_576;
const NO_TAGS: Readonly<Record<string, string>> = {};

/** One connection in one room. */
export class Member {
  /** Hub sequence when the member joined: it gets publications with a larger one only (ORD5). */
  readonly joinedSequence: number;
  readonly options: MemberOptions;
  /** What came before the reply to subscribe was queued; absent afterwards. */
  #waiting: RoomPublication[] | undefined = [];
  #waitingBytes = 0;
  /** The place up to which the subscriber knows everything. */
  #position: Position | undefined;
  #hasBase = false;
  #isLost = false;
  #hasLeft = false;
  readonly #notices: LossNotices;

  constructor(options: MemberOptions, joinedSequence: number, notices: LossNotices) {
    this.options = options;
    this.joinedSequence = joinedSequence;
    this.#notices = notices;
  }

  get isPositioned(): boolean {
    return this.options.onInsufficient !== undefined;
  }

  /** Epoch of a positioned member whose reply is out. */
  get epoch(): string | undefined {
    return this.#position?.epoch;
  }

  /** It is handed nothing more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether it was handed everything up to a place. */
  hasReached({ offset, epoch }: Position): boolean {
    const known = this.#position;
    return !this.#isLost && known?.epoch === epoch && known.offset >= offset;
  }

  take(publication: RoomPublication): void {
    if (publication.latestKey !== undefined) this.#pass(publication, publication.latestKey);
    else if (this.#waiting === undefined) this.#hand(publication);
    else if (this.#waitingBytes <= MAX_WAITING_BYTES) {
      this.#waiting.push(publication);
      this.#waitingBytes += publication.source.data.length;
    }
  }

  /**
   * The reply is queued: what waited follows, and then everything as it comes. `position` is the one in the reply; what is not
   * behind it has been told.
   */
  activate(position?: Position): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#position = position;
    if (this.#waitingBytes > MAX_WAITING_BYTES && position !== undefined) this.lose();
    for (const publication of waiting) this.#hand(publication);
  }

  /** The order that the member counts on cannot be kept: it is handed nothing more, and told once, in its turn. */
  lose(): void {
    const { onInsufficient } = this.options;
    if (this.#isLost || onInsufficient === undefined) return;
    this.#isLost = true;
    this.#notices.tell(() => {
      // By then the client may have subscribed anew.
      if (!this.#hasLeft) onInsufficient();
    });
  }

  /** Not in the room any more. */
  leave(): void {
    this.#hasLeft = true;
  }

  /**
   * Whether a publication comes next for this member. Between the reading of a history and the reply one may come both ways;
   * a hole or another epoch that the room could not know of ends here, so that nobody ever sees one.
   */
  #advance({ offset, epoch }: Position): boolean {
    const known = this.#position;
    if (known === undefined) return true;
    if (epoch === known.epoch && offset <= known.offset) return false;
    // Who only sees places counts on nothing: a hole shows there.
    if (this.isPositioned && (epoch !== known.epoch || offset !== known.offset + 1)) {
      this.lose();
      return false;
    }
    this.#position = { offset, epoch };
    return true;
  }

  /** Who waits for its history misses it; where the client keeps a base for patches, this one has taken its place. */
  #pass(publication: RoomPublication, latestKey: string): void {
    if (this.#waiting !== undefined || this.#isLost) return;
    const { filter, sink, codec, isDeltaStream } = this.options;
    if (filter !== undefined && !filter(publication.source.tags ?? NO_TAGS)) return;
    this.#hasBase = false;
    sink.push(publication.line(codec, isDeltaStream === true ? "whole" : "plain"), latestKey);
  }

  #hand(publication: RoomPublication): void {
    if (this.#isLost || !this.#advance(publication.source.position)) return;
    const { filter, sink, isDeltaStream } = this.options;
    if (filter !== undefined && !filter(publication.source.tags ?? NO_TAGS)) return;
    if (isDeltaStream === true) {
      const form = this.#hasBase && publication.source.useDelta === true ? "patch" : "whole";
      this.#hasBase = true;
      sink.push(this.#lineOf(publication, form));
    } else sink.push(this.#lineOf(publication, "plain"));
  }

  #lineOf(publication: RoomPublication, form: PublicationForm): Buffer {
    const { codec, showsPlaces } = this.options;
    return showsPlaces === true ? publication.placedLine(codec, form) : publication.line(codec, form);
  }
}
