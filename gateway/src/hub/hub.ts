import { encodePublicationHead } from "@belay/protocol";
import type { BrokerPublication } from "../broker/broker.ts";
import { FanOut, type LineSink, type Member, Room } from "./fan-out.ts";

/** A client connected to this node, as the hub needs to know it. */
export interface HubClient {
  readonly user: string;
  readonly client: string;
}

const TAIL = Buffer.from("}}}");
const INFO = Buffer.from(',"info":');

/** Who is connected to this node and who listens to what. Knows neither sockets nor other nodes. */
export class Hub<C extends HubClient> {
  readonly #fanOut: FanOut;
  readonly #users = new Map<string, Set<C>>();
  readonly #rooms = new Map<string, { readonly room: Room; readonly head: Buffer }>();
  #clients = 0;

  constructor(fanOut: FanOut = new FanOut()) {
    this.#fanOut = fanOut;
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

  join(channel: string, sink: LineSink): Member {
    const member: Member = { sink, joinedSequence: this.#fanOut.sequence };
    const known = this.#rooms.get(channel) ?? this.#openRoom(channel);
    known.room.members.add(member);
    return member;
  }

  leave(channel: string, member: Member): void {
    const known = this.#rooms.get(channel);
    if (known === undefined) return;
    known.room.members.delete(member);
    if (known.room.members.size === 0) this.#rooms.delete(channel);
  }

  /** Encodes the publication once and queues the same bytes for every subscriber. */
  deliver({ channel, data, info }: BrokerPublication): void {
    const known = this.#rooms.get(channel);
    if (known === undefined) return;
    const parts = info === undefined ? [known.head, data, TAIL] : [known.head, data, INFO, info, TAIL];
    this.#fanOut.deliver(known.room, Buffer.concat(parts));
  }

  #openRoom(channel: string): { readonly room: Room; readonly head: Buffer } {
    const opened = { room: new Room(channel), head: Buffer.from(encodePublicationHead(channel)) };
    this.#rooms.set(channel, opened);
    return opened;
  }
}
