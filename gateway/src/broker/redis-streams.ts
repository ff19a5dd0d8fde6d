import type { Clock, Random } from "../clock.ts";
import type { CommandConnection, PartitionMoves, ServerCommands } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import type { RoundOutcome } from "../redis/replica-confirmation.ts";
import { Replicas } from "../redis/replicas.ts";
import { performAt } from "../redis/server-of-key.ts";
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
import { type PlaceCall, type PlaceRequest, RedisAnnouncer } from "./redis-announcer.ts";
import { encodeBody, parsePublication } from "./redis-publication.ts";

/** `fast`: a publication is delivered as it is written. `replicated`: once the replicas have it. */
export type RedisDurability = "fast" | "replicated";

export interface RedisStreamsOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  readonly random: Random;
  /** How long a channel keeps its epoch after it was last published to or read. */
  readonly metaTtlMs: number;
  /** `replicated`: nobody sees a publication, its publisher included, before the replicas have it. Read at use. */
  readonly durability: () => RedisDurability;
  readonly clock: Pick<Clock, "nowMs">;
  /** Run id of the server at `host:port`. */
  readonly readRunId: (endpoint: string) => Promise<string>;
  /** A replica at `host:port` cannot be asked for its run id: no failover to it can be proved. */
  readonly onUnknownReplica: (endpoint: string) => void;
  readonly onReplicaRound: ((outcome: RoundOutcome) => void) | undefined;
  /** A stored entry that no node of ours can have written. */
  readonly onMalformed: () => void;
}

const NOT_STORED = { size: 0, ttlMs: 0 };
const NO_VERSION = { number: "", epoch: "" };

/** Positions, streams and what suppresses a publication: everything of a channel that one script may touch together. */
export class RedisStreams {
  readonly #options: RedisStreamsOptions;
  readonly #replicas: Replicas;
  readonly #announcer: RedisAnnouncer;
  /** By partition: whoever finds a foreign run there waits for the same answer. */
  readonly #settling = new Map<string, Promise<"again" | "end">>();

  constructor(options: RedisStreamsOptions) {
    this.#options = options;
    const { keys, clock, readRunId, onUnknownReplica: onUnknown, onReplicaRound: onRound } = options;
    this.#replicas = new Replicas({ clock, readRunId, onUnknown, onRound });
    this.#announcer = new RedisAnnouncer({
      keys,
      replicas: this.#replicas,
      place: (request) => this.#place(request),
    });
  }

  /** There is a new connection, maybe to another server. */
  reconnected(): void {
    this.#replicas.reconnected();
  }

  async publish(request: PublishRequest): Promise<PublishOutcome> {
    const { commands, keys, metaTtlMs } = this.#options;
    const { channel, history = NOT_STORED, idempotency, version = NO_VERSION } = request;
    const { flags, lengths, sections } = encodeBody(request);
    const keyTtlMs = idempotency?.ttlMs ?? 0;
    const channelName = keys.publications(channel);
    const named = idempotency === undefined ? [] : [keys.idempotency(channel, idempotency.key)];
    // What hangs on the epoch must not outlive it.
    const ttlMs = Math.max(metaTtlMs, history.ttlMs, keyTtlMs);
    const retention = [history.size, history.ttlMs, keyTtlMs];
    const rest = [channelName, ...retention, version.number, version.epoch, flags, lengths, sections];
    const sent = await this.#send({ channel, ttlMs }, (way, place) => {
      const all = [...place.keys, ...named];
      return way.run(PUBLISH_SCRIPT, all, (server) => [...place.args(server, all), ...rest]);
    });
    const outcome = outcomeOf(sent.reply);
    await this.#announce(sent, channel, outcome.position);
    if (outcome.suppressed === undefined && !commands.isSettled(channelName)) {
      const head = `${outcome.position.offset}:${outcome.position.epoch}:${timeOf(sent.reply)}:${flags}:${lengths}:`;
      // Where it is not heard the publication stands in the history all the same.
      await commands.publish(channelName, Buffer.concat([Buffer.from(head), sections])).catch(() => undefined);
    }
    return outcome;
  }

  async history(request: HistoryRequest): Promise<History> {
    const { history, awaited, sent } = await this.#read(request);
    if (sent.server === undefined || awaited === 0) return history;
    // Somebody may have been told of what waits here, by a server that is gone: it is let out before anything is said of the channel.
    await this.#announce(sent, request.channel, { offset: awaited, epoch: history.position.epoch });
    return (await this.#read(request)).history;
  }

  async #read(request: HistoryRequest): Promise<HistoryReading> {
    const { channel, since } = request;
    const { command, from, to, limit } = rangeOf(request);
    const rest = [since?.epoch ?? "", command, from, to, limit];
    const sent = await this.#send({ channel }, (way, { keys, args }) =>
      way.runForBuffers(HISTORY_SCRIPT, keys, (server) => [...args(server, keys), ...rest]),
    );
    if (!Array.isArray(sent.reply)) throw unexpected("a history query");
    const [offset, epoch, entries, awaited] = sent.reply as readonly unknown[];
    if (typeof offset !== "number" || !Buffer.isBuffer(epoch) || !Array.isArray(entries))
      throw unexpected("a history query");
    const position = { offset, epoch: epoch.toString() };
    const history = { position, publications: this.#publications(channel, position, entries) };
    return { history, awaited: Number(awaited), sent };
  }

  async removeHistory(channel: string): Promise<void> {
    await this.#options.commands.call("UNLINK", this.#options.keys.stream(channel));
  }

  /** A script of a channel; again where the channel's slot may have come from another server with all that it had. */
  async #send(channel: Pick<PlaceRequest, "channel" | "ttlMs">, perform: Perform): Promise<Sent> {
    const { moves } = this.#options.commands;
    const key = this.#options.keys.partitionTerm(channel.channel);
    for (let foreign: PlaceRequest["foreign"] = moves === undefined ? "end" : "hold"; ;) {
      // Who comes now does not overtake those who wait.
      while (this.#settling.has(key)) await this.#settling.get(key);
      const mark = moves?.mark() ?? 0;
      const sent = await this.#sendOnce({ ...channel, foreign }, perform);
      const former = foreignRun(sent.reply);
      if (former === undefined || moves === undefined) {
        moves?.served(key, sent.runId, mark);
        return sent;
      }
      foreign = (await this.#settle(key, former, moves)) === "end" ? "end" : "hold";
    }
  }

  /** With replicated durability it stays on one server: only what follows that one can be awaited. */
  async #sendOnce(request: Omit<PlaceRequest, "mode" | "confirmed">, perform: Perform): Promise<Sent> {
    const { commands, durability, keys } = this.#options;
    const mode = durability();
    const { keys: placeKeys, args } = this.#place({ ...request, mode, confirmed: "" });
    let runId = "";
    const place: PlaceCall = {
      keys: placeKeys,
      args: (server, all) => {
        ({ runId } = server);
        return args(server, all);
      },
    };
    if (mode === "fast") {
      const reply = await perform(commands, place);
      return { reply, server: undefined, runId };
    }
    const key = keys.partitionTerm(request.channel);
    const { server, result } = await performAt(commands, key, (holder) => perform(holder, place));
    return { reply: result, server, runId };
  }

  #settle(key: string, former: string, moves: PartitionMoves): Promise<"again" | "end"> {
    const settling =
      this.#settling.get(key) ?? moves.settle(key, former).finally(() => void this.#settling.delete(key));
    this.#settling.set(key, settling);
    return settling;
  }

  async #announce({ server, runId }: Sent, channel: string, position: Position): Promise<void> {
    if (server === undefined) return;
    const { commands, keys } = this.#options;
    try {
      await this.#announcer.announce({ channel, position, server, runId });
    } catch (error) {
      // It may have named the server that holds the channel now.
      commands.serverOf(keys.partitionTerm(channel), error);
      throw error;
    }
  }

  /** Keys and arguments with which every script of a channel begins. */
  #place({ channel, mode, confirmed, ttlMs, ...request }: PlaceRequest): PlaceCall {
    const { commands, keys, random, metaTtlMs } = this.#options;
    const { foreign = commands.moves === undefined ? "end" : "hold" } = request;
    const epoch = randomToken(random);
    return {
      keys: [keys.partitionTerm(channel), keys.channelMeta(channel), keys.stream(channel), keys.awaited(channel)],
      args: ({ runId, isAsking }, { length }) => [
        runId,
        epoch,
        ttlMs ?? metaTtlMs,
        mode,
        confirmed,
        foreign,
        isAsking ? length - 1 : 0,
      ],
    };
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

type Perform = (way: Pick<ServerCommands, "run" | "runForBuffers">, place: PlaceCall) => Promise<unknown>;

/** What a script replied, and where it ran: `server` is known with replicated durability only. */
interface Sent {
  readonly reply: unknown;
  readonly server: ServerCommands | undefined;
  readonly runId: string;
}

interface HistoryReading {
  readonly history: History;
  /** Newest offset that waits to be announced; 0: none. */
  readonly awaited: number;
  readonly sent: Sent;
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

/** What the partition was written under, where the script has left it alone. */
function foreignRun(reply: unknown): string | undefined {
  if (!Array.isArray(reply) || reply.length !== 2) return undefined;
  const [status, run] = reply as readonly unknown[];
  return String(status) === "foreign" ? String(run) : undefined;
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
