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
/** A message rides on its nudge up to this length, bytes, and while no more than these lie in the stream: who is slow is sent little it has to buffer. */
const MAX_RIDING_BYTES = 16_384;
const MAX_RIDING = 128;
/** Messages taken from nudges until what they left in the stream is removed. */
const TAKEN_UNTIL_READ = 32;
/** Ids of messages that are remembered, for a stream that came back with messages that were read before. */
const REMEMBERED_IDS = 2_000;

/**
 * Puts a message into a node's stream and nudges the node: `<id of the message before it, or nothing> <id> <message>`, or nothing at
 * all, which asks it to read. Reply 1, or 0 where too many wait.
 * KEYS  1 `{tag}d:<uid>`
 * ARGV  1 message   2 messages that may wait   3 TTL, ms   4 pub/sub channel of nudges   5 bytes and 6 messages up to which it rides along
 */
const SEND_SCRIPT: RedisScript = redisScript(`
local waiting = redis.call('XLEN', KEYS[1])
if waiting >= tonumber(ARGV[2]) then return 0 end
local rides = waiting < tonumber(ARGV[6]) and #ARGV[1] <= tonumber(ARGV[5])
local last = rides and waiting > 0 and redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1] or ''
local id = redis.call('XADD', KEYS[1], '*', 'm', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SPUBLISH', ARGV[4], rides and last .. ' ' .. id .. ' ' .. ARGV[1] or '')
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
  #takenSinceRead = 0;
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
    const args = [message, MAX_WAITING, STREAM_TTL_MS, keys.node(nodeId), MAX_RIDING_BYTES, MAX_RIDING];
    const sent = await commands.run(SEND_SCRIPT, [keys.directMessages(nodeId)], args);
    if (sent !== 1) throw new BrokerUnavailableError("too many messages wait for the node");
  }

  /** A nudge with the message itself spares the reading where nothing lies between what was read and it. */
  nudged(payload: Buffer): void {
    const riding = ridingOf(payload);
    const follows = riding !== undefined && (riding.after === "" || riding.after === this.#readId);
    if (riding === undefined || !follows || this.#isReading) return this.nudge();
    this.#take([riding]);
    this.#takenSinceRead += 1;
    if (this.#takenSinceRead >= TAKEN_UNTIL_READ) this.nudge();
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
    const { commands } = this.#options;
    this.#takenSinceRead = 0;
    const reply = await commands.runForBuffers(READ_SCRIPT, [this.#stream], [this.#readId, READ_COUNT]);
    const entries = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    const taken = this.#take(entries.flatMap((each) => entryOf(each) ?? []));
    if (taken > 0) this.#isNudged ||= entries.length >= READ_COUNT;
  }

  /** How many of them are new. */
  #take(entries: readonly Entry[]): number {
    const unseen = entries.filter(({ id }) => !this.#seen.has(id));
    for (const { id, message } of unseen) {
      this.#remember(id);
      this.#options.onMessage(message);
    }
    return unseen.length;
  }

  #remember(id: string): void {
    this.#readId = id;
    this.#seen.add(id);
    if (this.#seen.size <= REMEMBERED_IDS) return;
    const oldest = this.#seen.values().next();
    if (oldest.done !== true) this.#seen.delete(oldest.value);
  }
}

interface Entry {
  readonly id: string;
  readonly message: Buffer;
}

/** What stands before the message: the id before it, or nothing, and its own. */
const RIDING = /^(\d+-\d+)? (\d+-\d+) /;
/** Two ids of 41 characters at most, and two spaces. */
const MAX_RIDING_HEAD = 84;

/** Undefined for a nudge that carries nothing, and for what no node of ours sent. */
function ridingOf(payload: Buffer): (Entry & { readonly after: string }) | undefined {
  const [head, after = "", id] = RIDING.exec(payload.toString("latin1", 0, MAX_RIDING_HEAD)) ?? [];
  return head === undefined || id === undefined ? undefined : { after, id, message: payload.subarray(head.length) };
}

/** Undefined for what no node of ours wrote. */
function entryOf(entry: unknown): Entry | undefined {
  const [id, fields] = Array.isArray(entry) ? (entry as readonly unknown[]) : [];
  const [, message] = Array.isArray(fields) ? (fields as readonly unknown[]) : [];
  return Buffer.isBuffer(id) && Buffer.isBuffer(message) ? { id: id.toString(), message } : undefined;
}
