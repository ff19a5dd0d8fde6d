import type { Clock } from "../clock.ts";
import {
  type BrokerPublication,
  type History,
  type HistoryRequest,
  type Position,
  type PublishOutcome,
  type PublishRequest,
  type StoredPublication,
  storedOf,
} from "./broker.ts";

export interface MemoryStreamsOptions {
  readonly clock: Clock;
  /** Begins every epoch of this process, so that positions of an earlier one are never taken for its own. */
  readonly epochPrefix: string;
  /** How long a channel keeps its epoch after it was last published to or read, at least. */
  readonly metaTtlMs: number;
  /** Channels whose place is remembered, and idempotency keys; the longest unused one is forgotten first. */
  readonly maxChannels: number;
  readonly maxIdempotencyKeys: number;
  /** Of all stored publications; the history longest without a publication is dropped first. */
  readonly maxHistoryBytes: number;
}

interface Place {
  readonly epoch: string;
  top: number;
  version: PublishRequest["version"];
  expiresAtMs: number;
}

interface Stream {
  readonly publications: StoredPublication[];
  bytes: number;
  expiresAtMs: number;
}

/** What an idempotency key stands for. */
interface FirstResult {
  readonly position: Position;
  readonly expiresAtMs: number;
}

/** Memory of a publication besides its payload, about. */
const PUBLICATION_OVERHEAD_BYTES = 200;
/** Entries of each table that every publish looks at for being over, so that what nobody asks for goes too. */
const LOOKED_AT_PER_PUBLISH = 2;

/** Positions, streams and what suppresses a publication, for a single process; bounded in every direction. */
export class MemoryStreams {
  readonly #options: MemoryStreamsOptions;
  // A map's order is the order of insertion: an entry that is used goes to the end.
  readonly #places = new Map<string, Place>();
  readonly #streams = new Map<string, Stream>();
  readonly #keys = new Map<string, FirstResult>();
  readonly #rounds: (() => void)[];
  #bytes = 0;
  #epochs = 0;

  constructor(options: MemoryStreamsOptions) {
    this.#options = options;
    this.#rounds = [
      endlessRound(this.#places, (channel) => this.#livePlace(channel)),
      endlessRound(this.#streams, (channel) => this.#liveStream(channel)),
      endlessRound(this.#keys, (key) => this.#liveKey(key)),
    ];
  }

  /** Bytes that the stored publications take, about. */
  get historyBytes(): number {
    return this.#bytes;
  }

  get channelCount(): number {
    return this.#places.size;
  }

  /** `publication` is absent when it was suppressed. */
  publish(request: PublishRequest): { readonly outcome: PublishOutcome; readonly publication?: BrokerPublication } {
    const { channel, history, idempotency, version } = request;
    for (const round of this.#rounds) round();
    const place = this.#use(channel, Math.max(history?.ttlMs ?? 0, idempotency?.ttlMs ?? 0));
    const suppressed = this.#suppressed(request, place);
    if (suppressed !== undefined) return { outcome: suppressed };
    place.top += 1;
    if (version !== undefined) place.version = version;
    const position = { offset: place.top, epoch: place.epoch };
    const publication = publicationOf(request, position, this.#options.clock.date().getTime());
    if (history !== undefined) this.#store(channel, publication, history);
    if (idempotency !== undefined)
      this.#remember(keyOf(channel, idempotency.key), { position, expiresAtMs: this.#now() + idempotency.ttlMs });
    return { outcome: { position }, publication };
  }

  history({ channel, since, limit, reverse }: HistoryRequest): History {
    const place = this.#use(channel, 0);
    const position = { offset: place.top, epoch: place.epoch };
    if (since !== undefined && since.epoch !== "" && since.epoch !== place.epoch) return { position, publications: [] };
    const stored = this.#liveStream(channel)?.publications ?? [];
    const isWanted = ({ offset }: StoredPublication): boolean =>
      since === undefined || (reverse === true ? offset < since.offset : offset > since.offset);
    const wanted = (reverse === true ? stored.toReversed() : stored).filter(isWanted);
    return { position, publications: limit === undefined || limit < 0 ? wanted : wanted.slice(0, limit) };
  }

  removeHistory(channel: string): void {
    const stream = this.#streams.get(channel);
    if (stream === undefined) return;
    this.#bytes -= stream.bytes;
    this.#streams.delete(channel);
  }

  #now(): number {
    return this.#options.clock.nowMs();
  }

  /** The channel's place, made where there is none; it lives on for the TTL or longer. */
  #use(channel: string, ttlMs: number): Place {
    const known = this.#livePlace(channel);
    const place = known ?? { epoch: this.#newEpoch(), top: 0, version: undefined, expiresAtMs: 0 };
    // Whoever makes an epoch drops the stream, so that nothing of another one is ever in it.
    if (known === undefined) this.removeHistory(channel);
    place.expiresAtMs = Math.max(place.expiresAtMs, this.#now() + Math.max(this.#options.metaTtlMs, ttlMs));
    this.#places.delete(channel);
    this.#places.set(channel, place);
    if (this.#places.size > this.#options.maxChannels) this.#forgetPlace(firstOf(this.#places));
    return place;
  }

  #suppressed({ channel, idempotency, version }: PublishRequest, place: Place): PublishOutcome | undefined {
    const first = idempotency === undefined ? undefined : this.#liveKey(keyOf(channel, idempotency.key));
    if (first?.epoch === place.epoch) return { position: first, suppressed: "duplicate" };
    if (version === undefined || place.version?.epoch !== version.epoch) return undefined;
    const position = { offset: place.top, epoch: place.epoch };
    return version.number <= place.version.number ? { position, suppressed: "outdated" } : undefined;
  }

  #store(channel: string, publication: BrokerPublication, { size, ttlMs }: { size: number; ttlMs: number }): void {
    const stream = this.#liveStream(channel) ?? { publications: [], bytes: 0, expiresAtMs: 0 };
    // A copy: the bytes may be a small part of a large frame, which would stay in memory with them.
    const stored = storedOf({ ...publication, data: Buffer.from(publication.data) });
    stream.publications.push(stored);
    this.#count(stream, bytesOf(stored));
    while (stream.publications.length > size) this.#dropOldest(stream);
    stream.expiresAtMs = this.#now() + ttlMs;
    this.#streams.delete(channel);
    this.#streams.set(channel, stream);
    while (this.#bytes > this.#options.maxHistoryBytes && this.#streams.size > 1)
      this.removeHistory(firstOf(this.#streams));
    while (this.#bytes > this.#options.maxHistoryBytes && stream.publications.length > 0) this.#dropOldest(stream);
  }

  #dropOldest(stream: Stream): void {
    const oldest = stream.publications.shift();
    if (oldest !== undefined) this.#count(stream, -bytesOf(oldest));
  }

  #count(stream: Stream, bytes: number): void {
    stream.bytes += bytes;
    this.#bytes += bytes;
  }

  #remember(key: string, first: FirstResult): void {
    this.#keys.delete(key);
    this.#keys.set(key, first);
    if (this.#keys.size > this.#options.maxIdempotencyKeys) this.#keys.delete(firstOf(this.#keys));
  }

  #livePlace(channel: string): Place | undefined {
    const place = this.#places.get(channel);
    if (place !== undefined && place.expiresAtMs > this.#now()) return place;
    this.#forgetPlace(channel);
    return undefined;
  }

  #liveStream(channel: string): Stream | undefined {
    const stream = this.#streams.get(channel);
    if (stream !== undefined && stream.expiresAtMs > this.#now()) return stream;
    this.removeHistory(channel);
    return undefined;
  }

  #liveKey(key: string): Position | undefined {
    const first = this.#keys.get(key);
    if (first !== undefined && first.expiresAtMs > this.#now()) return first.position;
    this.#keys.delete(key);
    return undefined;
  }

  #forgetPlace(channel: string): void {
    this.#places.delete(channel);
    this.removeHistory(channel);
  }

  #newEpoch(): string {
    return `${this.#options.epochPrefix}.${++this.#epochs}`;
  }
}

/** The length keeps two channels' keys apart. */
function keyOf(channel: string, key: string): string {
  return `${channel.length}:${channel}:${key}`;
}

function firstOf(table: ReadonlyMap<string, unknown>): string {
  return table.keys().next().value ?? "";
}

function publicationOf(request: PublishRequest, position: Position, timeMs: number): BrokerPublication {
  const { channel, data, info, tags, useDelta, history } = request;
  return {
    channel,
    data,
    position,
    offset: position.offset,
    timeMs,
    ...(info !== undefined && { info }),
    ...(tags !== undefined && { tags }),
    ...(useDelta === true && { useDelta }),
    ...(history === undefined && { isUnstored: true }),
  };
}

function bytesOf({ data, info, tags }: StoredPublication): number {
  const tagChars = Object.entries(tags ?? {}).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return PUBLICATION_OVERHEAD_BYTES + data.length + (info?.length ?? 0) + tagChars * 2;
}

/** Each call looks at the next few entries, round and round; a map's iterator stays right while entries come and go. */
function endlessRound(table: ReadonlyMap<string, unknown>, look: (name: string) => void): () => void {
  let names = table.keys();
  return () => {
    for (let count = 0; count < LOOKED_AT_PER_PUBLISH; count += 1) {
      const next = names.next();
      if (next.done !== true) look(next.value);
      else names = table.keys();
    }
  };
}
