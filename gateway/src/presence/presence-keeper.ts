import { type Broker, BrokerUnavailableError, type PresenceEvent, type PresenceMember } from "../broker/broker.ts";
import type { RedisLog } from "../redis/redis-runtime.ts";

/** How long a member is remembered without being added again: what a killed pod leaves behind. */
const PRESENCE_TTL_MS = 60_000;
/** Everything is added again this often. */
const RENEW_MS = 20_000;
/** Members added again at once. */
const RENEW_AT_ONCE = 256;
/** What could not be added is added again this often. */
const RETRY_MS = 250;

interface PresentMember {
  readonly channel: string;
  readonly member: PresenceMember;
}

/** The members that this node has in channels' presence: added, kept alive while they are here, removed. */
export class PresenceKeeper {
  readonly #broker: Broker;
  readonly #log: RedisLog;
  readonly #members = new Map<string, Map<string, PresenceMember>>();
  #timer: NodeJS.Timeout | undefined;
  #renewals = 0;
  #renewing: Promise<void> = Promise.resolve();

  constructor(broker: Broker, log: RedisLog) {
    this.#broker = broker;
    this.#log = log;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.renew(), RENEW_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    // Whoever still adds gives up.
    this.#renewals += 1;
  }

  /** Rejects with BrokerUnavailableError; the member is kept here all the same and added when the broker is back. */
  async add(channel: string, member: PresenceMember): Promise<void> {
    const members = this.#members.get(channel) ?? new Map<string, PresenceMember>();
    this.#members.set(channel, members);
    members.set(member.client, member);
    await this.#broker.addPresence(channel, member, PRESENCE_TTL_MS);
  }

  /** A removal that fails is made up for by the member's end of life. */
  remove(channel: string, client: string): void {
    const members = this.#members.get(channel);
    members?.delete(client);
    if (members?.size === 0) this.#members.delete(channel);
    const isLastHere = !this.#members.has(channel);
    this.#broker.removePresence(channel, client, isLastHere).catch((error: unknown) => this.#onFault(error));
  }

  /** Join and leave are at most once: nobody counts on them. */
  announce(event: PresenceEvent): void {
    this.#broker.publishPresenceEvent(event).catch((error: unknown) => this.#onFault(error));
  }

  /** Adds all again: what stood under an old lease is swept. Resolves when that is done, however long Redis is away. */
  async renew(): Promise<void> {
    this.#renewals += 1;
    const all = [...this.#members].flatMap(([channel, members]) =>
      [...members.values()].map((member) => ({ channel, member })),
    );
    this.#renewing = this.#addUntilDone(all, this.#renewals);
    // Another renewal that begins meanwhile takes the place of this one.
    let last: Promise<void> | undefined;
    while (last !== this.#renewing) {
      last = this.#renewing;
      await last;
    }
  }

  async #addUntilDone(all: readonly PresentMember[], renewal: number): Promise<void> {
    let left = all;
    while (left.length > 0) {
      left = await this.#addAll(left, renewal);
      if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Those that are still to be added. */
  async #addAll(all: readonly PresentMember[], renewal: number): Promise<readonly PresentMember[]> {
    const failed: PresentMember[] = [];
    for (let from = 0; from < all.length; from += RENEW_AT_ONCE) {
      if (renewal !== this.#renewals) return [];
      const batch = all.slice(from, from + RENEW_AT_ONCE);
      const added = await Promise.all(batch.map((one) => this.#addAgain(one)));
      failed.push(...batch.filter((_, index) => added[index] === false));
      // Redis is away: the others would fare no better.
      if (!added.includes(true)) return [...failed, ...all.slice(from + RENEW_AT_ONCE)];
    }
    return failed;
  }

  async #addAgain({ channel, member }: PresentMember): Promise<boolean> {
    // It may have left while others were renewed.
    if (this.#members.get(channel)?.get(member.client) !== member) return true;
    try {
      await this.#broker.addPresence(channel, member, PRESENCE_TTL_MS);
      return true;
    } catch (error) {
      this.#onFault(error);
      return !(error instanceof BrokerUnavailableError);
    }
  }

  #onFault(error: unknown): void {
    if (!(error instanceof BrokerUnavailableError)) this.#log.warn({ err: error }, "presence could not be changed");
  }
}
