/** Hands one publication to every subscriber of a room here. Writing to sockets is the flush loop's work; this only queues. */

export interface LineSink {
  push(line: Buffer): void;
}

export interface Member {
  readonly sink: LineSink;
  /** Hub sequence when the member joined: it gets publications with a larger one only (ORD5). */
  readonly joinedSequence: number;
}

/** Subscribers of one channel on this node. */
export class Room {
  readonly channel: string;
  readonly members: Set<Member> = new Set<Member>();
  /** Publications not handed to everybody yet, oldest first. */
  readonly backlog: { readonly line: Buffer; readonly sequence: number }[] = [];

  constructor(channel: string) {
    this.channel = channel;
  }
}

/** Members visited before other work gets a turn: about a millisecond. */
const SLICE_MEMBERS = 10_000;

export class FanOut {
  readonly #sliceMembers: number;
  readonly #busy: Room[] = [];
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
  deliver(room: Room, line: Buffer): void {
    this.#sequence += 1;
    if (room.backlog.length === 0 && room.members.size <= this.#sliceMembers) {
      for (const member of room.members) member.sink.push(line);
      return;
    }
    room.backlog.push({ line, sequence: this.#sequence });
    if (room.backlog.length > 1) return;
    this.#busy.push(room);
    if (this.#busy.length === 1) setImmediate(() => this.#slice());
  }

  #slice(): void {
    const room = this.#busy[0];
    const publication = room?.backlog[0];
    if (room === undefined || publication === undefined) return;
    // A Set's iterator stays right while members come and go between slices.
    this.#visit ??= room.members.values();
    if (this.#handOut(this.#visit, publication)) this.#finish(room);
    if (this.#busy.length > 0) setImmediate(() => this.#slice());
  }

  /** Whether everybody was visited. */
  #handOut(visit: Iterator<Member>, { line, sequence }: { readonly line: Buffer; readonly sequence: number }): boolean {
    for (let visited = 0; visited < this.#sliceMembers; visited++) {
      const step = visit.next();
      if (step.done === true) return true;
      if (step.value.joinedSequence < sequence) step.value.sink.push(line);
    }
    return false;
  }

  /** Takes the next publication of the room behind the other busy rooms' turn. */
  #finish(room: Room): void {
    this.#visit = undefined;
    room.backlog.shift();
    this.#busy.shift();
    if (room.backlog.length > 0) this.#busy.push(room);
  }
}
