import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import { BrokerUnavailableError, type PresenceMember, type PresenceStats } from "./broker.ts";
import {
  ADD_PRESENCE_SCRIPT,
  PRESENCE_PAGE_SCRIPT,
  PRESENCE_STATS_SCRIPT,
  REMOVE_PRESENCE_SCRIPT,
} from "./redis-presence-scripts.ts";

/** Members looked at in one step: about a millisecond of Redis. */
const PAGE_MEMBERS = 1_000;

export class RedisPresence {
  readonly #commands: CommandConnection;
  readonly #keys: RedisKeys;

  constructor(commands: CommandConnection, keys: RedisKeys) {
    this.#commands = commands;
    this.#keys = keys;
  }

  async add(channel: string, { client, user, info }: PresenceMember, ttlMs: number): Promise<void> {
    await this.#commands.run(ADD_PRESENCE_SCRIPT, this.#keys.presence(channel), [client, user, info, ttlMs]);
  }

  async remove(channel: string, client: string): Promise<void> {
    await this.#commands.run(REMOVE_PRESENCE_SCRIPT, this.#keys.presence(channel), [client]);
  }

  async stats(channel: string): Promise<PresenceStats> {
    const reply = await this.#commands.run(PRESENCE_STATS_SCRIPT, this.#keys.presence(channel), []);
    const [clients, users] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    if (typeof clients !== "number" || typeof users !== "number")
      throw new BrokerUnavailableError("Redis answered a presence query with something else than two numbers");
    return { clients, users };
  }

  /** Page by page: who is present all the while is in the answer, who comes or leaves meanwhile may be. */
  async members(channel: string): Promise<readonly PresenceMember[]> {
    const members = new Map<string, PresenceMember>();
    let cursor = "0";
    do {
      const page = await this.#page(channel, cursor);
      cursor = page.cursor;
      for (const member of page.members) members.set(member.client, member);
    } while (cursor !== "0");
    return [...members.values()];
  }

  async #page(channel: string, from: string): Promise<Page> {
    const keys = this.#keys.presence(channel);
    const reply = await this.#commands.runForBuffers(PRESENCE_PAGE_SCRIPT, keys, [from, PAGE_MEMBERS]);
    const [cursor, nowMs, fields] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    if (!Buffer.isBuffer(cursor) || typeof nowMs !== "number" || !Array.isArray(fields))
      throw new BrokerUnavailableError("Redis answered a presence query with something else than a page");
    const members: PresenceMember[] = [];
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const member = memberOf(fields[index], fields[index + 1], nowMs);
      if (member !== undefined) members.push(member);
    }
    return { cursor: cursor.toString(), members };
  }
}

interface Page {
  readonly cursor: string;
  readonly members: readonly PresenceMember[];
}

/** Undefined for one that has expired, or that is none of ours. */
function memberOf(client: unknown, value: unknown, nowMs: number): PresenceMember | undefined {
  if (!Buffer.isBuffer(client) || !Buffer.isBuffer(value)) return undefined;
  const header = /^(\d{1,15}):(\d{1,10}):/.exec(value.toString("latin1", 0, 32));
  if (header === null || Number(header[1]) <= nowMs) return undefined;
  const userStart = header[0].length;
  const userEnd = userStart + Number(header[2]);
  if (userEnd > value.length) return undefined;
  return {
    client: client.toString(),
    user: value.toString("utf8", userStart, userEnd),
    info: value.subarray(userEnd),
  };
}
