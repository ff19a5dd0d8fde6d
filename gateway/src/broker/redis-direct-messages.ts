import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import { redisScript, type RedisScript } from "../redis/redis-script.ts";
import { BrokerUnavailableError } from "./broker.ts";

export interface DirectMessagesOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  readonly nodeId: string;
  /** Must not throw. */
  readonly onMessage: (message: Buffer) => void;
  /** The stream is read this often even when nobody nudges: nudges are lost while the subscriber connection delivers nothing. */
  readonly pollIntervalMs: number;
}

/** Messages that may wait for one node; more are refused. */
const MAX_WAITING = 20_000;
/** A stream that nobody writes to is forgotten: what waited that long is of no use. */
const STREAM_TTL_MS = 60_000;
/** Messages read in one step. */
const READ_COUNT = 500;
/** Ids of messages that are remembered, for a stream that came back with messages that were read before. */
const REMEMBERED_IDS = 2_000;

/**
 * Puts a message into a node's stream and nudges the node to read. Reply 1, or 0 where too many wait.
 * KEYS  1 `{tag}d:<uid>`
 * ARGV  1 message   2 messages that may wait   3 TTL, ms   4 pub/sub channel of nudges
 */
const SEND_SCRIPT: RedisScript = redisScript(`
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'm', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SPUBLISH', ARGV[4], '')
return 1
`);

/**
 * Removes what the node has read and returns what is there. Ids grow with Redis' clock; a stream whose newest id is below what was
 * read was lost and begun again, or restored from before: it is left as it is, and the node knows what it has seen.
 * KEYS  1 `{tag}d:<uid>`
 * ARGV  1 id of the newest message read, or 0-0   2 messages to return
 */
const READ_SCRIPT: RedisScript = redisScript(`
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest then return {} end
local ms, seq = parts(newest[1])
local read_ms, read_seq = parts(ARGV[1])
local isAhead = ms < read_ms or (ms == read_ms and seq < read_seq)
if not isAhead then redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', read_ms, read_seq + 1)) end
return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[2])
`);

/** Messages to this node and to others, each node's in a stream of its own: none vanishes while a subscriber connection is rebuilt. */
export class DirectMessages {
  readonly #options: DirectMessagesOptions;
  readonly #stream: string;
  readonly #seen = new Set<string>();
  #readId = "0-0";
  #isReading = false;
  #isNudged = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DirectMessagesOptions) {
    this.#options = options;
    this.#stream = options.keys.directMessages(options.nodeId);
  }

  start(): void {
    this.#timer ??= setInterval(() => this.nudge(), this.#options.pollIntervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Rejects with BrokerUnavailableError, also where the node has not read for too long. */
  async send(nodeId: string, message: Buffer): Promise<void> {
    const { commands, keys } = this.#options;
    const args = [message, MAX_WAITING, STREAM_TTL_MS, keys.node(nodeId)];
    const sent = await commands.run(SEND_SCRIPT, [keys.directMessages(nodeId)], args);
    if (sent !== 1) throw new BrokerUnavailableError("too many messages wait for the node");
  }

  /** There may be something to read. */
  nudge(): void {
    this.#isNudged = true;
    if (!this.#isReading) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#isNudged) {
        this.#isNudged = false;
        await this.#readOnce();
      }
    } catch {
      // Redis is away: what waits is read when it is back, at the latest with the next poll.
    } finally {
      this.#isReading = false;
    }
  }

  async #readOnce(): Promise<void> {
    const { commands, onMessage } = this.#options;
    const reply = await commands.runForBuffers(READ_SCRIPT, [this.#stream], [this.#readId, READ_COUNT]);
    const entries = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    const unseen = entries.flatMap((each) => entryOf(each) ?? []).filter(({ id }) => !this.#seen.has(id));
    for (const { id, message } of unseen) {
      this.#remember(id);
      onMessage(message);
    }
    if (unseen.length > 0) this.#isNudged ||= entries.length >= READ_COUNT;
  }

  #remember(id: string): void {
    this.#readId = id;
    this.#seen.add(id);
    if (this.#seen.size <= REMEMBERED_IDS) return;
    const oldest = this.#seen.values().next();
    if (oldest.done !== true) this.#seen.delete(oldest.value);
  }
}

/** Undefined for what no node of ours wrote. */
function entryOf(entry: unknown): { readonly id: string; readonly message: Buffer } | undefined {
  const [id, fields] = Array.isArray(entry) ? (entry as readonly unknown[]) : [];
  const [, message] = Array.isArray(fields) ? (fields as readonly unknown[]) : [];
  return Buffer.isBuffer(id) && Buffer.isBuffer(message) ? { id: id.toString(), message } : undefined;
}
