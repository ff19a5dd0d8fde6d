import pLimit, { type LimitFunction } from "p-limit";
import type { CommandConnection } from "../redis/command-connection.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { formatOwner } from "../registry/redis-registry-rows.ts";
import type { Lease } from "../registry/registry.ts";
import { BrokerUnavailableError, type PresenceMember, type PresenceStats } from "./broker.ts";
import {
  ADD_PRESENCE_SCRIPT,
  PRESENCE_PAGE_SCRIPT,
  PRESENCE_STATS_SCRIPT,
  REMOVE_PRESENCE_SCRIPT,
} from "./redis-presence-scripts.ts";

/** Members looked at in one step: about a millisecond of Redis. */
const PAGE_MEMBERS = 1_000;
/**
 * Changes on the way at once: some 5 ms of Redis. Thousands of clients that are cut at once would otherwise be one batch, which a
 * Redis that is busy with those of other pods does not answer within a command's time.
 */
const CHANGES_AT_ONCE = 128;

export interface RedisPresenceOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  /** Under which this pod's members stand; undefined: they stand until their time is over. */
  readonly lease: () => Lease | undefined;
}

export class RedisPresence {
  readonly #options: RedisPresenceOptions;
  readonly #commands: CommandConnection;
  readonly #keys: RedisKeys;
  /** Channels that stand in this pod's index, by the index's key. */
  readonly #indexed = new Map<string, string>();
  /** In order: what is asked first begins first. */
  readonly #inTurn: LimitFunction = pLimit(CHANGES_AT_ONCE);

  constructor(options: RedisPresenceOptions) {
    this.#options = options;
    this.#commands = options.commands;
    this.#keys = options.keys;
  }

  add(channel: string, member: PresenceMember, ttlMs: number): Promise<void> {
    return this.#inTurn(() => this.#add(channel, member, ttlMs));
  }

  remove(channel: string, client: string, isLastHere: boolean): Promise<void> {
    return this.#inTurn(() => this.#remove(channel, client, isLastHere));
  }

  /** The index first: what a pod that dies leaves behind must be found. Both leave in one turn, so that no removal comes between. */
  async #add(channel: string, member: PresenceMember, ttlMs: number): Promise<void> {
    const { client, user, info, tellsLeave } = member;
    const lease = this.#options.lease();
    const indexed = lease === undefined ? undefined : this.#index(channel, lease);
    const owner = lease === undefined ? "" : formatOwner(lease);
    const args = [client, user, info, ttlMs, tellsLeave === true ? 1 : 0, owner];
    await Promise.all([indexed, this.#commands.run(ADD_PRESENCE_SCRIPT, this.#keys.presence(channel), args)]);
  }

  async #remove(channel: string, client: string, isLastHere: boolean): Promise<void> {
    const removed = this.#commands.run(REMOVE_PRESENCE_SCRIPT, this.#keys.presence(channel), [
      client,
      this.#options.lease()?.podUid ?? "",
    ]);
    await Promise.all([removed, isLastHere ? this.#unindex(channel) : undefined]);
  }

  async #index(channel: string, { podUid, term }: Lease): Promise<void> {
    const key = this.#keys.podPresence(podUid, term, RedisKeys.indexShard(channel));
    if (this.#indexed.get(channel) === key) return;
    this.#indexed.set(channel, key);
    try {
      await this.#commands.call("SADD", key, channel);
    } catch (error) {
      if (this.#indexed.get(channel) === key) this.#indexed.delete(channel);
      throw error;
    }
  }

  async #unindex(channel: string): Promise<void> {
    const key = this.#indexed.get(channel);
    if (key === undefined) return;
    this.#indexed.delete(channel);
    await this.#commands.call("SREM", key, channel);
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
  const header = /^(\d{1,15}):(\d{1,10}):[01]:[^:]{0,300}:/.exec(value.toString("latin1", 0, 340));
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
