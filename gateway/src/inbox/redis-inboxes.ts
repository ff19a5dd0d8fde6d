import { BrokerUnavailableError, type Position } from "../broker/broker.ts";
import type { Random } from "../clock.ts";
import type { RedisDurability } from "../broker/redis-streams.ts";
import type { CommandConnection, RedisArgument, ScriptArguments, ServerCommands } from "../redis/command-connection.ts";
import { openCommands } from "../redis/open-connections.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { DEFAULT_REDIS_BOUNDS, type RedisBounds } from "../redis/redis-options.ts";
import type { RoundOutcome } from "../redis/replica-confirmation.ts";
import { readReplicaRunId } from "../redis/replica-run-id.ts";
import { Replicas } from "../redis/replicas.ts";
import { performAt } from "../redis/server-of-key.ts";
import type { RedisRuntime } from "../redis/redis-runtime.ts";
import { type RedisTopology, topologyOf } from "../redis/redis-topology.ts";
import {
  EMPTY_INBOX_TTL_MS,
  type InboxAck,
  type InboxAcked,
  type Inboxes,
  type InboxMessage,
  type InboxOpening,
  type InboxPage,
  type InboxReading,
  type InboxSend,
  type InboxSent,
  MAX_GROUPS,
  type OpenedInbox,
  PAGE_BYTES,
  PAGE_MESSAGES,
} from "./inboxes.ts";
import {
  INBOX_ACK_SCRIPT,
  INBOX_OPEN_SCRIPT,
  INBOX_READ_SCRIPT,
  INBOX_SEND_SCRIPT,
  INBOX_SHOW_SCRIPT,
} from "./redis-inbox-scripts.ts";

export interface RedisInboxesOptions extends RedisRuntime {
  readonly url: string | RedisTopology;
  readonly prefix: string;
  /** Whether a message waits for the replicas before it is answered and read; read at every use. Default `fast`. */
  readonly durability?: () => RedisDurability;
  readonly bounds?: Partial<RedisBounds>;
  /** A stored entry that no node of ours can have written; it is left out. */
  readonly onMalformed?: () => void;
  /** With replicated durability: replicas were asked what they have. */
  readonly onReplicaRound?: (outcome: RoundOutcome) => void;
}

/** Throws RedisUrlError. Nothing is connected before `start`. */
export function openRedisInboxes(options: RedisInboxesOptions): Inboxes {
  return new RedisInboxes(options);
}

interface Stored {
  readonly sent: InboxSent;
  /** Of the inbox, when it was stored. */
  readonly newest: Position;
  readonly ttlMs: number;
}

/** Two keys a user, in the user's slot; one script a step. */
class RedisInboxes implements Inboxes {
  readonly #options: RedisInboxesOptions;
  readonly #keys: RedisKeys;
  readonly #commands: CommandConnection;
  readonly #replicas: Replicas;

  constructor(options: RedisInboxesOptions) {
    const { clock, random, log, url, prefix } = options;
    const topology = topologyOf(url);
    const bounds = { ...DEFAULT_REDIS_BOUNDS, ...options.bounds };
    this.#options = options;
    this.#keys = new RedisKeys(prefix);
    this.#replicas = new Replicas({
      clock,
      readRunId: (endpoint) => readReplicaRunId(endpoint, { topology, bounds, random }),
      // The broker says so already.
      onUnknown: () => undefined,
      onRound: options.onReplicaRound,
    });
    this.#commands = openCommands(topology, {
      clock,
      random,
      log,
      bounds,
      name: "belay-inbox",
      onAvailable: () => undefined,
      // So that a primary that was a replica in between is known for another one within a second.
      onInfo: () => undefined,
    });
  }

  start(): void {
    this.#commands.open();
  }

  close(): void {
    this.#commands.close();
  }

  async send(message: InboxSend): Promise<InboxSent> {
    const durability = this.#options.durability?.() ?? "fast";
    if (durability === "fast") return (await this.#store(this.#commands, message, durability)).sent;
    const [meta] = this.#keys.inbox(message.user);
    const { server, result } = await performAt(this.#commands, meta, (holder) =>
      this.#store(holder, message, durability),
    );
    try {
      await this.#show(server, message.user, result);
    } catch (error) {
      // It may have named the server that holds the inbox now.
      this.#commands.serverOf(meta, error);
      throw error;
    }
    return result.sent;
  }

  async open({ user, group, bounds, since }: InboxOpening): Promise<OpenedInbox> {
    const reply = await this.#commands.run(
      INBOX_OPEN_SCRIPT,
      this.#keys.inbox(user),
      this.#args(bounds.ttlMs, [group, MAX_GROUPS, since?.epoch ?? "", since?.offset ?? 0]),
    );
    const [offset, epoch, isSinceKnown, hasLost, byTtl] = listOf(reply);
    if (typeof offset !== "number" || typeof epoch !== "string") throw unexpected("an inbox");
    return {
      position: { offset, epoch },
      isSinceKnown: isSinceKnown === 1,
      hasLost: hasLost === 1,
      bySize: 0,
      byTtl: count(byTtl),
    };
  }

  async read({ user, group, after }: InboxReading): Promise<InboxPage> {
    const reply = await this.#commands.runForBuffers(
      INBOX_READ_SCRIPT,
      this.#keys.inbox(user),
      this.#args(0, [group, after.epoch, after.offset, PAGE_MESSAGES, PAGE_BYTES]),
    );
    const [epoch, seenEpoch, seen, hasMore, ...entries] = listOf(reply);
    if (!Buffer.isBuffer(epoch) || !Buffer.isBuffer(seenEpoch) || !Buffer.isBuffer(seen)) throw unexpected("a page");
    return {
      epoch: epoch.toString(),
      position: { epoch: seenEpoch.toString(), offset: Number(seen.toString()) },
      hasMore: hasMore === 1,
      messages: entries.flatMap((entry) => this.#messageOf(entry)),
    };
  }

  async ack({ user, group, position, bounds }: InboxAck): Promise<InboxAcked> {
    const reply = await this.#commands.run(
      INBOX_ACK_SCRIPT,
      this.#keys.inbox(user),
      this.#args(bounds.ttlMs, [group, position.epoch, position.offset]),
    );
    const [offset, removed] = listOf(reply);
    if (typeof offset !== "number") throw unexpected("an acknowledgement");
    return { offset, removed: count(removed) };
  }

  async #store(
    way: Pick<ServerCommands, "run">,
    { user, size, ttlMs, idempotency, data, info, tags }: InboxSend,
    durability: RedisDurability,
  ): Promise<Stored> {
    const named = idempotency === undefined ? [] : [this.#keys.inboxIdempotency(user, idempotency.key)];
    const fields = [
      "p",
      data,
      ...(info === undefined ? [] : ["i", info]),
      ...(tags === undefined ? [] : ["g", JSON.stringify(tags)]),
    ];
    const reply = await way.run(
      INBOX_SEND_SCRIPT,
      [...this.#keys.inbox(user), ...named],
      this.#args(ttlMs, [size, ttlMs, idempotency?.ttlMs ?? 0, durability, ...fields]),
    );
    const [offset, epoch, isRepeat, bySize, byTtl, newest, newestEpoch] = listOf(reply);
    if (typeof offset !== "number" || typeof epoch !== "string") throw unexpected("a message");
    return {
      sent: { position: { offset, epoch }, isRepeat: isRepeat === 1, bySize: count(bySize), byTtl: count(byTtl) },
      newest: { offset: count(newest), epoch: String(newestEpoch) },
      ttlMs,
    };
  }

  /** Once the replicas have it. A repeat too: the first one's sender may not have had an answer. */
  async #show(server: ServerCommands, user: string, { newest, ttlMs }: Stored): Promise<void> {
    await this.#replicas.secure(server, this.#keys.replicated(user));
    const args = this.#args(ttlMs, [newest.epoch, newest.offset]);
    if ((await server.run(INBOX_SHOW_SCRIPT, this.#keys.inbox(user), args)) !== 1)
      throw new BrokerUnavailableError("Redis is another one since the message was stored");
  }

  #args(ttlMs: number, rest: readonly RedisArgument[]): ScriptArguments {
    const epoch = newEpoch(this.#options.random);
    return ({ runId }) => [runId, epoch, ttlMs + EMPTY_INBOX_TTL_MS, ...rest];
  }

  #messageOf(entry: unknown): readonly InboxMessage[] {
    const message = parseEntry(entry);
    if (message === undefined) this.#options.onMalformed?.();
    return message === undefined ? [] : [message];
  }
}

/** 48 random bits: an epoch is compared only with epochs of the same inbox. */
function newEpoch(random: Random): string {
  return Math.floor(random() * 2 ** 48).toString(36);
}

function parseEntry(entry: unknown): InboxMessage | undefined {
  const [id, flat] = listOf(entry);
  const fields = fieldsOf(listOf(flat));
  const [data, epoch, time] = [fields.get("p"), fields.get("e"), fields.get("t")];
  const offset = Buffer.isBuffer(id) ? Number.parseInt(id.toString(), 10) : Number.NaN;
  if (data === undefined || epoch === undefined || time === undefined || Number.isNaN(offset)) return undefined;
  const info = fields.get("i");
  const tags = tagsOf(fields.get("g"));
  return {
    data,
    position: { epoch: epoch.toString(), offset },
    timeMs: Number(time.toString()),
    ...(info !== undefined && { info }),
    ...(tags !== undefined && { tags }),
  };
}

function fieldsOf(flat: readonly unknown[]): ReadonlyMap<string, Buffer> {
  const fields = new Map<string, Buffer>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const [name, value] = [flat[index], flat[index + 1]];
    if (Buffer.isBuffer(name) && Buffer.isBuffer(value)) fields.set(name.toString(), value);
  }
  return fields;
}

function tagsOf(text: Buffer | undefined): Readonly<Record<string, string>> | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text.toString()) as Record<string, string>;
  } catch {
    // Not written by a node of ours: the message goes without its labels.
    return undefined;
  }
}

function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? (reply as readonly unknown[]) : [];
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function unexpected(what: string): BrokerUnavailableError {
  return new BrokerUnavailableError(`Redis answered ${what} with something else`);
}
