import { encodePublicationHead } from "@belay/protocol";
import pLimit, { type LimitFunction } from "p-limit";
import type { BrokerPublication, History, HistoryRequest } from "../broker/broker.ts";
import { matchesGlob } from "../broker/channel-glob.ts";
import type { Clock } from "../clock.ts";
import { FanOut } from "./fan-out.ts";
import { LossNotices } from "./loss-notices.ts";
import { Member, type MemberOptions } from "./member.ts";
import { PositionWatch } from "./position-watch.ts";
import type { PastRequest } from "./recent-history.ts";
import { Room, type RoomObserver } from "./room.ts";
import type { MakeDelta } from "./room-publication.ts";

/** A client connected to this node, as the hub needs to know it. */
export interface HubClient {
  readonly user: string;
  readonly client: string;
}

export interface HubOptions {
  readonly readHistory: (request: HistoryRequest) => Promise<History>;
  /** Whether subscribers of a channel see offsets: it has a history. */
  readonly showsOffset: (channel: string) => boolean;
  readonly makeDelta: MakeDelta;
  readonly clock: Pick<Clock, "nowMs">;
  readonly observer: HubObserver;
  readonly fanOut?: FanOut;
  readonly timing?: Partial<HubTiming>;
  /** Default setTimeout. */
  readonly later?: (work: () => void, delayMs: number) => void;
}

/** For metrics. */
interface HubObserver extends RoomObserver {
  /** The position of an idle channel was compared with the broker's. */
  readonly onPositionChecked: () => void;
}

export interface HubTiming {
  /** An idle channel's position is compared at most this often. Default 40,000. */
  readonly positionCheckMs: number;
  /** Wait before a history that could not be read is asked for again; doubles up to 8 s. Default 250. */
  readonly retryMs: number;
}

/** Histories and positions that are read at once, for all rooms together. */
const READS_AT_ONCE = 64;
const DEFAULT_TIMING: HubTiming = { positionCheckMs: 40_000, retryMs: 250 };
const MAX_RETRY_MS = 8_000;
/** After an interruption clients come back for that long. */
const CROWD_MS = 15_000;

/** Who is connected to this node and who listens to what. Knows neither sockets nor other nodes. */
export class Hub<C extends HubClient> {
  readonly #options: HubOptions;
  readonly #fanOut: FanOut;
  readonly #notices = new LossNotices();
  readonly #users = new Map<string, Set<C>>();
  readonly #rooms = new Map<string, Room>();
  readonly #reads: LimitFunction = pLimit(READS_AT_ONCE);
  readonly #timing: HubTiming;
  readonly #positions: PositionWatch;
  #clients = 0;
  #verifiedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#fanOut = options.fanOut ?? new FanOut();
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    const { clock, readHistory, observer } = options;
    this.#positions = new PositionWatch({
      clock,
      rooms: this.#rooms,
      everyMs: this.#timing.positionCheckMs,
      readPosition: (channel) => this.#reads(async () => (await readHistory({ channel, limit: 0 })).position),
      onChecked: observer.onPositionChecked,
    });
  }

  /** Looks after idle channels from now on. */
  start(): void {
    this.#positions.start();
  }

  stop(): void {
    this.#positions.stop();
  }

  get clientCount(): number {
    return this.#clients;
  }

  get userCount(): number {
    return this.#users.size;
  }

  get channelCount(): number {
    return this.#rooms.size;
  }

  get subscriptionCount(): number {
    let count = 0;
    for (const { members } of this.#rooms.values()) count += members.size;
    return count;
  }

  /** Channels whose name fits a glob, with their subscribers here. */
  subscriberCounts(pattern: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [channel, { members }] of this.#rooms)
      if (matchesGlob(pattern, channel)) counts.set(channel, members.size);
    return counts;
  }

  addClient(client: C): void {
    const clients = this.#users.get(client.user) ?? new Set<C>();
    clients.add(client);
    this.#users.set(client.user, clients);
    this.#clients += 1;
  }

  removeClient(client: C): void {
    const clients = this.#users.get(client.user);
    if (clients?.delete(client) !== true) return;
    this.#clients -= 1;
    if (clients.size === 0) this.#users.delete(client.user);
  }

  clientsOf(user: string): readonly C[] {
    return [...(this.#users.get(user) ?? [])];
  }

  /** Subscribers of a channel here. */
  subscriberCount(channel: string): number {
    return this.#rooms.get(channel)?.members.size ?? 0;
  }

  room(channel: string): Room | undefined {
    return this.#rooms.get(channel);
  }

  /** The member takes part from now on, and is handed nothing before it is activated. */
  join(channel: string, options: MemberOptions): Member {
    const room = this.#rooms.get(channel) ?? this.#openRoom(channel);
    const member = new Member(options, this.#fanOut.sequence, this.#notices);
    room.members.add(member);
    return member;
  }

  leave(channel: string, member: Member): void {
    member.leave();
    const room = this.#rooms.get(channel);
    if (room === undefined) return;
    room.members.delete(member);
    if (room.members.size === 0) this.#rooms.delete(channel);
  }

  deliver(publication: BrokerPublication): void {
    const room = this.#rooms.get(publication.channel);
    if (publication.ephemeralKey === undefined) room?.accept(publication);
    else room?.pass(publication);
  }

  /** Members of a channel that want to hear who comes and goes. */
  joinLeaveMembers(channel: string): readonly Member[] {
    const room = this.#rooms.get(channel);
    return room === undefined ? [] : [...room.members].filter(({ options }) => options.joinLeave === true);
  }

  /** The channel's past for somebody who has joined: one reading serves many. Rejects with BrokerUnavailableError. */
  past(channel: string, request: PastRequest): Promise<History> {
    return (this.#rooms.get(channel) ?? this.#createRoom(channel)).recent.get(request);
  }

  /** The channel's history was removed: nobody who comes back is given it from here. */
  forgetPast(channel: string): void {
    this.#rooms.get(channel)?.recent.forget();
  }

  /**
   * After the way to other nodes was interrupted, for all channels or for some: what was missed is handed out, or its subscribers are told. Resolves when every
   * room was looked at once; those whose history could not be read go on trying.
   */
  async verifyPositions(isAffected: (channel: string) => boolean = () => true): Promise<void> {
    this.#verifiedAtMs = this.#options.clock.nowMs();
    const rooms = [...this.#rooms.values()].filter(({ channel }) => isAffected(channel)).values();
    const verifyOnce = async (): Promise<void> => {
      for (const room of rooms) await room.verify();
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, verifyOnce));
  }

  #openRoom(channel: string): Room {
    const room = this.#createRoom(channel);
    this.#rooms.set(channel, room);
    return room;
  }

  #createRoom(channel: string): Room {
    const { readHistory, showsOffset, makeDelta, observer, clock } = this.#options;
    return new Room({
      shape: {
        channel,
        jsonHead: encodePublicationHead(channel),
        showsOffset: () => showsOffset(channel),
        makeDelta,
      },
      fanOut: this.#fanOut,
      readHistory: (request) => this.#reads(() => readHistory(request)),
      clock,
      isCrowdLikely: () => clock.nowMs() - this.#verifiedAtMs < CROWD_MS,
      retryLater: (retry, attempt) => this.#later(retry, attempt),
      observer,
    });
  }

  #later(retry: () => void, attempt: number): void {
    const delayMs = Math.min(this.#timing.retryMs * 2 ** (attempt - 1), MAX_RETRY_MS);
    const { later } = this.#options;
    if (later === undefined) setTimeout(retry, delayMs).unref();
    else later(retry, delayMs);
  }
}
