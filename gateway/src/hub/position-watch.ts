import type { Position } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { Room } from "./room.ts";

export interface PositionWatchOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly rooms: ReadonlyMap<string, Room>;
  /** Rejects while the broker is away. */
  readonly readPosition: (channel: string) => Promise<Position>;
  /** A room's position is compared at most this often, milliseconds. */
  readonly everyMs: number;
  readonly onChecked: () => void;
}

/** Turns in which all rooms are visited once: the reads are spread evenly. */
const TURNS = 40;
/** Rounds within `everyMs`: a room that fell silent just after it was visited waits for half of it, not for all. */
const ROUNDS = 2;

/**
 * Compares the positions of idle rooms with the broker's, once for all subscribers of a room: a publication that was lost without a
 * sign would otherwise show with the next one only, and there may be none for hours.
 */
export class PositionWatch {
  readonly #options: PositionWatchOptions;
  #visit: Iterator<Room> | undefined;
  #roundAtMs = Number.NEGATIVE_INFINITY;
  /** Rooms that were behind a turn ago, and the place they had not reached. */
  #suspects: { readonly room: Room; readonly position: Position }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;

  constructor(options: PositionWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.turn(), this.#options.everyMs / TURNS / ROUNDS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One turn; a turn that takes too long costs the next one. Never rejects. */
  async turn(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const suspects = this.#suspects;
      this.#suspects = [];
      // What was under way has come by now.
      await Promise.all(suspects.map(async ({ room, position }) => room.isBehind(position) && (await room.verify())));
      await Promise.all(this.#due().map((room) => this.#check(room)));
    } finally {
      this.#isBusy = false;
    }
  }

  #due(): readonly Room[] {
    const { rooms, clock, everyMs } = this.#options;
    const nowMs = clock.nowMs();
    const due: Room[] = [];
    for (let left = Math.ceil(rooms.size / TURNS); left > 0; left -= 1) {
      const room = this.#next(nowMs);
      if (room?.isCheckDue(nowMs, everyMs) === true) due.push(room);
    }
    return due;
  }

  /** Rooms that come during a round are visited in it; those that went are not. */
  #next(nowMs: number): Room | undefined {
    if (this.#visit === undefined) {
      if (nowMs - this.#roundAtMs < this.#options.everyMs / ROUNDS) return undefined;
      this.#roundAtMs = nowMs;
      this.#visit = this.#options.rooms.values();
    }
    const { value, done } = this.#visit.next() as IteratorResult<Room, undefined>;
    if (done === true) this.#visit = undefined;
    return value;
  }

  async #check(room: Room): Promise<void> {
    try {
      const position = await this.#options.readPosition(room.channel);
      this.#options.onChecked();
      if (room.isBehind(position)) this.#suspects.push({ room, position });
    } catch {
      // The broker is away: when it comes back every room is looked at.
    }
  }
}
