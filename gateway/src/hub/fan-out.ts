/** Hands one publication to every subscriber of a room here. Writing to sockets is the flush loop's work; this only queues. */
import type { Member } from "./member.ts";
import type { RoomPublication } from "./room-publication.ts";

/** Who listens to one channel on this node, and what they have not been handed yet, oldest first. */
export interface Audience {
  readonly members: Set<Member>;
  readonly backlog: { readonly publication: RoomPublication; readonly sequence: number }[];
}

/** Members visited before other work gets a turn: about a millisecond. */
const SLICE_MEMBERS = 10_000;

export class FanOut {
  readonly #sliceMembers: number;
  readonly #busy: Audience[] = [];
  #visit: Iterator<Member> | undefined;
  #sequence = 0;

  constructor(sliceMembers: number = SLICE_MEMBERS) {
    this.#sliceMembers = sliceMembers;
  }

  /** Sequence of the newest publication. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Small rooms are done at once; a large one goes in slices, and then so does everything behind it in that room (ORD2). */
  deliver(audience: Audience, publication: RoomPublication): void {
    this.#sequence += 1;
    if (audience.backlog.length === 0 && audience.members.size <= this.#sliceMembers) {
      for (const member of audience.members) member.take(publication);
      return;
    }
    audience.backlog.push({ publication, sequence: this.#sequence });
    if (audience.backlog.length > 1) return;
    this.#busy.push(audience);
    if (this.#busy.length === 1) setImmediate(() => this.#slice());
  }

  #slice(): void {
    const audience = this.#busy[0];
    const next = audience?.backlog[0];
    if (audience === undefined || next === undefined) return;
    // A Set's iterator stays right while members come and go between slices.
    this.#visit ??= audience.members.values();
    if (this.#handOut(this.#visit, next)) this.#finish(audience);
    if (this.#busy.length > 0) setImmediate(() => this.#slice());
  }

  /** Whether everybody was visited. */
  #handOut(visit: Iterator<Member>, { publication, sequence }: Audience["backlog"][number]): boolean {
    for (let visited = 0; visited < this.#sliceMembers; visited++) {
      const step = visit.next();
      if (step.done === true) return true;
      if (step.value.joinedSequence < sequence) step.value.take(publication);
    }
    return false;
  }

  /** Takes the next publication of the room behind the other busy rooms' turn. */
  #finish(audience: Audience): void {
    this.#visit = undefined;
    audience.backlog.shift();
    this.#busy.shift();
    if (audience.backlog.length > 0) this.#busy.push(audience);
  }
}
