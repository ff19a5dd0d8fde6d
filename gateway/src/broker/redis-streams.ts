import type { Random } from "../clock.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import {
  BrokerUnavailableError,
  type History,
  type HistoryRequest,
  type Position,
  type PublishOutcome,
  type PublishRequest,
  type StoredPublication,
  storedOf,
} from "./broker.ts";
import { HISTORY_SCRIPT, PUBLISH_SCRIPT } from "./redis-channel-scripts.ts";
import { encodeBody, parsePublication } from "./redis-publication.ts";

export interface RedisStreamsOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  readonly random: Random;
  /** How long a channel keeps its epoch after it was last published to or read. */
  readonly metaTtlMs: number;
  /** A stored entry that no node of ours can have written. */
  readonly onMalformed: () => void;
}

const NOT_STORED = { size: 0, ttlMs: 0 };
const NO_VERSION = { number: "", epoch: "" };

/** Positions, streams and what suppresses a publication: everything of a channel that one script may touch together. */
export class RedisStreams {
  readonly #options: RedisStreamsOptions;

  constructor(options: RedisStreamsOptions) {
    this.#options = options;
  }

  async publish(request: PublishRequest): Promise<PublishOutcome> {
    const { commands, keys, metaTtlMs } = this.#options;
    const { channel, history = NOT_STORED, idempotency, version = NO_VERSION } = request;
    const { flags, lengths, sections } = encodeBody(request);
    const keyTtlMs = idempotency?.ttlMs ?? 0;
    const named = idempotency === undefined ? [] : [keys.idempotency(channel, idempotency.key)];
    const reply = await commands.run(
      PUBLISH_SCRIPT,
      [...this.#place(channel), ...named],
      [
        // What hangs on the epoch must not outlive it.
        ...this.#placeArguments(keys.channelMeta(channel), Math.max(metaTtlMs, history.ttlMs, keyTtlMs)),
        keys.publications(channel),
        history.size,
        history.ttlMs,
        keyTtlMs,
        version.number,
        version.epoch,
        flags,
        lengths,
        sections,
      ],
    );
    const outcome = outcomeOf(reply);
    const channelName = keys.publications(channel);
    if (outcome.suppressed === undefined && !commands.isSettled(channelName)) {
      const head = `${outcome.position.offset}:${outcome.position.epoch}:${timeOf(reply)}:${flags}:${lengths}:`;
      // Where it is not heard the publication stands in the history all the same.
      await commands.publish(channelName, Buffer.concat([Buffer.from(head), sections])).catch(() => undefined);
    }
    return outcome;
  }

  async history(request: HistoryRequest): Promise<History> {
    const { channel, since } = request;
    const { commands, keys, metaTtlMs } = this.#options;
    const { command, from, to, limit } = rangeOf(request);
    const reply = await commands.runForBuffers(HISTORY_SCRIPT, this.#place(channel), [
      ...this.#placeArguments(keys.channelMeta(channel), metaTtlMs),
      since?.epoch ?? "",
      command,
      from,
      to,
      limit,
    ]);
    if (!Array.isArray(reply)) throw unexpected("a history query");
    const [offset, epoch, entries] = reply as readonly unknown[];
    if (typeof offset !== "number" || !Buffer.isBuffer(epoch) || !Array.isArray(entries))
      throw unexpected("a history query");
    const position = { offset, epoch: epoch.toString() };
    return { position, publications: this.#publications(channel, position, entries) };
  }

  async removeHistory(channel: string): Promise<void> {
    await this.#options.commands.call("UNLINK", this.#options.keys.stream(channel));
  }

  #place(channel: string): readonly string[] {
    const { keys } = this.#options;
    return [keys.partitionTerm(channel), keys.channelMeta(channel), keys.stream(channel)];
  }

  #placeArguments(key: string, ttlMs: number): readonly (string | number)[] {
    return [this.#options.commands.runIdOf(key), randomToken(this.#options.random), ttlMs];
  }

  /** Whatever is not of this epoch is left out: the reader sees a hole and no foreign publication. */
  #publications(channel: string, position: Position, entries: readonly unknown[]): readonly StoredPublication[] {
    const stored: StoredPublication[] = [];
    for (const entry of entries) {
      const publication = Buffer.isBuffer(entry) ? parsePublication(channel, entry) : undefined;
      if (publication === undefined) {
        this.#options.onMalformed();
        continue;
      }
      if (publication.position.epoch === position.epoch) stored.push(storedOf(publication));
    }
    return stored;
  }
}

interface StreamRange {
  readonly command: "XRANGE" | "XREVRANGE";
  readonly from: string | number;
  readonly to: string | number;
  readonly limit: number;
}

/** Entry ids are the offsets. */
function rangeOf({ since, limit, reverse }: HistoryRequest): StreamRange {
  const count = limit === undefined || limit < 0 ? -1 : limit;
  const command = reverse === true ? "XREVRANGE" : "XRANGE";
  if (since === undefined)
    return reverse === true
      ? { command, from: "+", to: "-", limit: count }
      : { command, from: "-", to: "+", limit: count };
  const next = reverse === true ? since.offset - 1 : since.offset + 1;
  // Nothing can be stored there, and it would be no id.
  if (!Number.isSafeInteger(next) || next < 1) return { command, from: "-", to: "-", limit: 0 };
  return { command, from: next, to: reverse === true ? "-" : "+", limit: count };
}

/** 48 random bits: an epoch is compared only with epochs of the same channel. */
export function randomToken(random: Random): string {
  return Math.floor(random() * 2 ** 48).toString(36);
}

/** Of a publication that was made. */
function timeOf(reply: unknown): string {
  return Array.isArray(reply) ? String(reply[4]) : "";
}

function outcomeOf(reply: unknown): PublishOutcome {
  if (!Array.isArray(reply)) throw unexpected("a publish");
  const [offset, epoch, , suppressed] = reply as readonly unknown[];
  if (typeof offset !== "number" || typeof epoch !== "string") throw unexpected("a publish");
  const position = { offset, epoch };
  return suppressed === "duplicate" || suppressed === "outdated" ? { position, suppressed } : { position };
}

function unexpected(what: string): BrokerUnavailableError {
  return new BrokerUnavailableError(`Redis answered ${what} with something else than a position`);
}
