import { type Broker, BrokerUnavailableError, type PresenceEvent, type PresenceMember } from "../broker/broker.ts";
import type { RedisLog } from "../redis/redis-runtime.ts";

/** How long a member is remembered without being added again: what a killed pod leaves behind. */
const PRESENCE_TTL_MS = 60_000;
/** Everything is added again this often, in turns: all of it at once would be a burst that every delivery of the pod waits for. */
const RENEW_MS = 20_000;
/** Of one round. */
export const RENEW_TURNS = 200;
/** Members added again at once. */
const RENEW_AT_ONCE = 256;
/** What could not be added is added again this often. */
const RETRY_MS = 250;

/** Removals that wait; more of them end with their members' time. */
const MAX_LATE = 100_000;

interface Place {
  readonly channel: string;
  readonly client: string;
}

/** The members that this node has in channels' presence: added, kept alive while they are here, removed. */
export class PresenceKeeper {
  readonly #broker: Broker;
  readonly #log: RedisLog;
  readonly #members = new Map<string, Map<string, PresenceMember>>();
  /** Where presence may differ from what is here. */
  readonly #late = new Map<string, Place>();
  #size = 0;
  #round: Iterator<Place, undefined> = this.#places();
  /** Members that the turns so far owe, less than one when a turn is over. */
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #catchingUp: Promise<void> | undefined;
  #isStopped = false;

  constructor(broker: Broker, log: RedisLog) {
    this.#broker = broker;
    this.#log = log;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.turn(), RENEW_MS / RENEW_TURNS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#isStopped = true;
  }

  /** Rejects with BrokerUnavailableError; the member is kept here all the same and added when the broker is back. */
  async add(channel: string, member: PresenceMember): Promise<void> {
    const members = this.#members.get(channel) ?? new Map<string, PresenceMember>();
    this.#members.set(channel, members);
    if (!members.has(member.client)) this.#size += 1;
    members.set(member.client, member);
    try {
      await this.#broker.addPresence(channel, member, PRESENCE_TTL_MS);
    } catch (error) {
      this.#postpone({ channel, client: member.client }, error);
      throw error;
    }
  }

  /** A removal that fails is made when the broker is back. */
  remove(channel: string, client: string): void {
    this.#forget(channel, client);
    void this.#bringUpToDate({ channel, client });
  }

  /** The member is another node's from now on: it stays, and is not added again from here. */
  handOver(channel: string, client: string): void {
    this.#forget(channel, client);
    this.#late.delete(keyOf({ channel, client }));
  }

  /** Join and leave are at most once: nobody counts on them. */
  announce(event: PresenceEvent): void {
    this.#broker.publishPresenceEvent(event).catch((error: unknown) => this.#onFault(error));
  }

  /** Adds all again: what stood under an old lease is swept. Resolves when that is done, however long Redis is away. */
  renew(): Promise<void> {
    for (const place of this.#places()) this.#late.set(keyOf(place), place);
    return this.#catchUp();
  }

  /** Adds those again whose turn it is. Resolves when nothing is late. */
  turn(): Promise<void> {
    for (this.#due += this.#size / RENEW_TURNS; this.#due >= 1; this.#due -= 1) {
      const place = this.#round.next().value ?? (this.#round = this.#places()).next().value;
      if (place !== undefined) this.#late.set(keyOf(place), place);
    }
    return this.#catchUp();
  }

  /** Those who come meanwhile are among them, those who went are not. */
  *#places(): Generator<Place, undefined> {
    for (const [channel, members] of this.#members) for (const client of members.keys()) yield { channel, client };
  }

  #forget(channel: string, client: string): void {
    const members = this.#members.get(channel);
    if (members?.delete(client) === true) this.#size -= 1;
    if (members?.size === 0) this.#members.delete(channel);
  }

  #catchUp(): Promise<void> {
    if (this.#late.size > 0) this.#catchingUp ??= this.#untilNothingIsLate();
    return this.#catchingUp ?? Promise.resolve();
  }

  async #untilNothingIsLate(): Promise<void> {
    while (this.#late.size > 0 && !this.#isStopped) {
      const batch = [...this.#late.values().take(RENEW_AT_ONCE)];
      for (const place of batch) this.#late.delete(keyOf(place));
      const done = await Promise.all(batch.map((place) => this.#bringUpToDate(place)));
      // Redis is away: the others would fare no better.
      if (!done.includes(true)) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    // In the same turn: what is late from now on begins anew.
    this.#catchingUp = undefined;
  }

  /** Makes presence what is here at this moment. */
  async #bringUpToDate(place: Place): Promise<boolean> {
    const { channel, client } = place;
    const member = this.#members.get(channel)?.get(client);
    try {
      if (member !== undefined) await this.#broker.addPresence(channel, member, PRESENCE_TTL_MS);
      else await this.#broker.removePresence(channel, client, !this.#members.has(channel));
      return true;
    } catch (error) {
      this.#postpone(place, error);
      return false;
    }
  }

  #postpone(place: Place, error: unknown): void {
    this.#onFault(error);
    if (!(error instanceof BrokerUnavailableError)) return;
    const isHere = this.#members.get(place.channel)?.has(place.client) === true;
    if (isHere || this.#late.size < MAX_LATE) this.#late.set(keyOf(place), place);
    void this.#catchUp();
  }

  #onFault(error: unknown): void {
    if (!(error instanceof BrokerUnavailableError)) this.#log.warn({ err: error }, "presence could not be changed");
  }
}

/** Client ids have no spaces. */
function keyOf({ channel, client }: Place): string {
  return `${client} ${channel}`;
}
