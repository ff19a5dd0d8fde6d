import type { Clock } from "../clock.ts";
import {
  type BrokerPublication,
  type History,
  type HistoryRequest,
  type Position,
  storedOf,
  type StoredPublication,
} from "../broker/broker.ts";

/** What a subscriber wants to know of a channel's past. */
export interface PastRequest {
  /** `position`: only where the channel is; `latest`: its newest publication; else everything after this place. */
  readonly want: "position" | "latest" | Position;
  /** Most publications worth having; an answer never has more. */
  readonly maxCount: number;
  /** Most bytes of data worth having. */
  readonly maxBytes: number;
}

export interface RecentHistoryOptions {
  readonly channel: string;
  readonly clock: Pick<Clock, "nowMs">;
  /** Asks the broker; rejects with BrokerUnavailableError. */
  readonly read: (request: HistoryRequest) => Promise<History>;
  /** Many may come at once, from different places: the first read is to be enough for all of them. */
  readonly isCrowdLikely?: () => boolean;
}

/** How long nobody may ask before what was read is forgotten, milliseconds. */
const IDLE_MS = 5_000;
/** How long it is kept at all: 10,000 who come back at 200 a second are done by then. */
const MAX_AGE_MS = 60_000;
/** Epochs that are known not to be the channel's. */
const MAX_FOREIGN_EPOCHS = 16;

/** Publications without a hole, up to and including the one at `end`. */
interface Kept {
  readonly epoch: string;
  end: number;
  publications: StoredPublication[];
  bytes: number;
  /** From this offset on down nothing more can be had. */
  lostUpTo: number;
  readonly foreignEpochs: Set<string>;
  readonly madeAtMs: number;
  usedAtMs: number;
}

/**
 * The newest part of a channel's history, for the moment in which many come back at once: one reads it from the broker, and whoever
 * comes in the next seconds is answered from it. It stays true because every publication that the room hands out is added: what a
 * subscriber is told ends where the room is, or further, and the room brings the rest. Two reads serve any number of subscribers:
 * the second one, for somebody who was away for longer than the first, reads all that recovery may give.
 */
export class RecentHistory {
  readonly #options: RecentHistoryOptions;
  #kept: Kept | undefined;
  #flight: Promise<History> | undefined;
  /** What the room handed out while the broker is asked. */
  #meanwhile: BrokerPublication[] = [];

  constructor(options: RecentHistoryOptions) {
    this.#options = options;
  }

  /** Rejects with BrokerUnavailableError. */
  async get(request: PastRequest): Promise<History> {
    const known = this.#answer(request);
    if (known !== undefined) return known;
    if (this.#flight !== undefined) {
      await this.#flight;
      const shared = this.#answer(request);
      if (shared !== undefined) return shared;
    }
    // Whoever waited for the same flight shares the next one too.
    const history = await (this.#flight ?? this.#fly(request));
    return this.#answer(request) ?? this.#readAlone(request, history);
  }

  /** The room is known to have everything up to there. */
  begin({ offset, epoch }: Position): void {
    this.forgetOld();
    if (this.#kept?.epoch === epoch && this.#kept.end >= offset) return;
    this.#kept = undefined;
    this.#kept = this.#keep({ position: { offset, epoch }, publications: [] });
  }

  /** The room hands out a publication. */
  follow(publication: BrokerPublication): void {
    if (this.#flight !== undefined) this.#meanwhile.push(publication);
    if (this.#kept === undefined) return;
    this.forgetOld();
    if (this.#kept !== undefined && !append(this.#kept, publication)) this.#kept = undefined;
  }

  forget(): void {
    this.#kept = undefined;
  }

  /** Frees the memory of what nobody asked for lately. */
  forgetOld(): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - kept.usedAtMs > IDLE_MS || nowMs - kept.madeAtMs > MAX_AGE_MS) this.#kept = undefined;
  }

  #answer(request: PastRequest): History | undefined {
    this.forgetOld();
    const kept = this.#kept;
    if (kept === undefined) return undefined;
    trim(kept, request);
    const publications = wantedOf(kept, request);
    if (publications === undefined) return undefined;
    kept.usedAtMs = this.#options.clock.nowMs();
    return { position: { offset: kept.end, epoch: kept.epoch }, publications };
  }

  #fly(request: PastRequest): Promise<History> {
    this.#meanwhile = [];
    this.#flight = this.#read(request).finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #read(request: PastRequest): Promise<History> {
    const { channel, read, isCrowdLikely } = this.#options;
    const query = isCrowdLikely?.() === true ? allOf(request) : queryOf(request, this.#kept);
    const history = await read({ channel, ...query });
    this.#learn(query, history);
    return history;
  }

  /** Puts together what was read, what is kept, and what came meanwhile. */
  #learn(query: Omit<HistoryRequest, "channel">, { position, publications }: History): void {
    const { epoch } = position;
    const newest = this.#meanwhile.at(-1);
    // The epoch changed while the broker was asked: what was read is over.
    if (newest !== undefined && newest.position.epoch !== epoch) return this.forget();
    const before = this.#kept?.epoch === epoch ? this.#kept : this.#keep({ position, publications: [] });
    const end = Math.max(position.offset, before.end, newest?.offset ?? 0);
    const after = this.#meanwhile.filter((each) => each.position.epoch === epoch && each.isUnstored !== true);
    const known = new Map([...before.publications, ...publications, ...after.map(storedOf)].map(byOffset));
    const kept = this.#keep({ position: { offset: end, epoch }, publications: suffixOf(known, end) });
    for (const foreign of before.foreignEpochs) kept.foreignEpochs.add(foreign);
    noteForeign(kept, query.since);
    kept.lostUpTo = Math.max(before.lostUpTo, lostBy(query, kept));
    this.#kept = kept;
  }

  #keep({ position, publications }: History): Kept {
    const nowMs = this.#options.clock.nowMs();
    return {
      epoch: position.epoch,
      end: position.offset,
      publications: [...publications],
      bytes: publications.reduce((sum, each) => sum + bytesOf(each), 0),
      lostUpTo: -1,
      foreignEpochs: new Set(),
      madeAtMs: this.#kept?.madeAtMs ?? nowMs,
      usedAtMs: nowMs,
    };
  }

  /** What was read cannot be kept, or the client is ahead of it: an answer of its own, as true as any. */
  async #readAlone(request: PastRequest, history: History): Promise<History> {
    const { want } = request;
    const isAhead = typeof want === "object" && want.offset > history.position.offset;
    if (isAhead && want.epoch === history.position.epoch) return { position: history.position, publications: [] };
    const { channel, read } = this.#options;
    return read({ channel, ...queryOf(request, undefined) });
  }
}

/** As much as recovery may give to anybody. */
function allOf({ maxCount }: PastRequest): Omit<HistoryRequest, "channel"> {
  return { limit: maxCount, reverse: true };
}

/** The first read is as small as the request; where that was not enough for somebody, the next one is as large as it may be. */
function queryOf(request: PastRequest, kept: Kept | undefined): Omit<HistoryRequest, "channel"> {
  const { want, maxCount } = request;
  if (want === "position") return { limit: 0 };
  if (want === "latest") return { limit: 1, reverse: true };
  const isKnownEpoch = kept !== undefined && kept.epoch === want.epoch && want.offset < kept.end;
  return isKnownEpoch ? allOf(request) : { since: want, limit: maxCount };
}

/** Undefined where the broker has to be asked. */
function wantedOf(kept: Kept, { want }: PastRequest): readonly StoredPublication[] | undefined {
  if (want === "position") return [];
  return want === "latest" ? latestOf(kept) : since(kept, want);
}

function latestOf({ end, publications, lostUpTo }: Kept): readonly StoredPublication[] | undefined {
  const isKnown = publications.length > 0 || end === 0 || lostUpTo >= end - 1;
  return isKnown ? publications.slice(-1) : undefined;
}

function since(kept: Kept, { offset, epoch }: Position): readonly StoredPublication[] | undefined {
  const { end, publications, lostUpTo, foreignEpochs } = kept;
  if (epoch === "" || foreignEpochs.has(epoch)) return [];
  if (epoch !== kept.epoch || offset > end) return undefined;
  const first = end - publications.length;
  if (offset >= first) return publications.slice(offset - first);
  return offset <= lostUpTo ? [] : undefined;
}

/** Up to which offset a read has shown that nothing can be had. */
function lostBy({ since: place, reverse, limit }: Omit<HistoryRequest, "channel">, kept: Kept): number {
  const first = kept.end - kept.publications.length;
  if (limit === 0) return -1;
  if (reverse === true) return limit === 1 && kept.publications.length > 0 ? -1 : first - 1;
  return place?.epoch === kept.epoch && place.offset < first ? place.offset : -1;
}

/** Whether the publication comes next or is known; anything else ends what was kept. */
function append(kept: Kept, publication: BrokerPublication): boolean {
  const { offset, position, isUnstored } = publication;
  if (position.epoch !== kept.epoch) return false;
  if (offset <= kept.end) return true;
  // What was not stored is not given to those who come back, whoever answers them.
  if (offset !== kept.end + 1 || isUnstored === true) return false;
  kept.end = offset;
  kept.publications.push(storedOf(publication));
  kept.bytes += bytesOf(publication);
  return true;
}

/** Nobody is given more than that. */
function trim(kept: Kept, { maxCount, maxBytes }: PastRequest): void {
  while (kept.publications.length > maxCount || kept.bytes > maxBytes) {
    const oldest = kept.publications.shift();
    if (oldest === undefined) return;
    kept.bytes -= bytesOf(oldest);
    kept.lostUpTo = Math.max(kept.lostUpTo, oldest.offset - 1);
  }
}

function suffixOf(known: ReadonlyMap<number, StoredPublication>, end: number): readonly StoredPublication[] {
  const suffix: StoredPublication[] = [];
  for (let offset = end; ; offset -= 1) {
    const publication = known.get(offset);
    if (publication === undefined) return suffix.toReversed();
    suffix.push(publication);
  }
}

function noteForeign({ epoch, foreignEpochs }: Kept, asked: Position | undefined): void {
  if (asked === undefined || asked.epoch === epoch) return;
  if (foreignEpochs.size >= MAX_FOREIGN_EPOCHS) foreignEpochs.clear();
  foreignEpochs.add(asked.epoch);
}

function byOffset(publication: StoredPublication): readonly [number, StoredPublication] {
  return [publication.offset, publication];
}

function bytesOf({ data, info }: StoredPublication): number {
  return data.length + (info?.length ?? 0);
}
