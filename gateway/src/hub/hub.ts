import { encodePublicationHead } from "@belay/protocol";
import type { BrokerPublication, History, HistoryRequest } from "../broker/broker.ts";
import { matchesGlob } from "../broker/channel-glob.ts";
import { FanOut } from "./fan-out.ts";
import { LossNotices } from "./loss-notices.ts";
import { Member, type MemberOptions } from "./member.ts";
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
  readonly observer: RoomObserver;
  readonly fanOut?: FanOut;
}

/** Rooms whose positions are looked up at once after an interruption. */
const VERIFY_AT_ONCE = 64;

/** Who is connected to this node and who listens to what. Knows neither sockets nor other nodes. */
export class Hub<C extends HubClient> {
  readonly #options: HubOptions;
  readonly #fanOut: FanOut;
  readonly #notices = new LossNotices();
  readonly #users = new Map<string, Set<C>>();
  readonly #rooms = new Map<string, Room>();
  #clients = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#fanOut = options.fanOut ?? new FanOut();
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
    this.#rooms.get(publication.channel)?.accept(publication);
  }

  /** Members of a channel that want to hear who comes and goes. */
  joinLeaveMembers(channel: string): readonly Member[] {
    const room = this.#rooms.get(channel);
    return room === undefined ? [] : [...room.members].filter(({ options }) => options.joinLeave === true);
  }

  /** After the way to other nodes was interrupted: what was missed is handed out, or its subscribers are told. */
  async verifyPositions(): Promise<void> {
    const rooms = this.#rooms.values();
    const verifyOnce = async (): Promise<void> => {
      for (const room of rooms) await room.verify();
    };
    await Promise.all(Array.from({ length: VERIFY_AT_ONCE }, verifyOnce));
  }

  #openRoom(channel: string): Room {
    const { readHistory, showsOffset, makeDelta, observer } = this.#options;
    const room = new Room({
      shape: {
        channel,
        jsonHead: encodePublicationHead(channel),
        showsOffset: () => showsOffset(channel),
        makeDelta,
      },
      fanOut: this.#fanOut,
      readHistory,
      observer,
    });
    this.#rooms.set(channel, room);
    return room;
  }
}
