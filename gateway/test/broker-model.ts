import assert from "node:assert/strict";
import type { Broker, BrokerPublication, HistoryRequest, PublishRequest } from "@belay/gateway/internal";
import { fc } from "@fast-check/vitest";
import { recover } from "../src/hub/recovery.ts";

/** What can befall a channel besides being used; how depends on the broker. */
export interface ModelSubject {
  readonly broker: Broker;
  /** Emptied after every run. */
  readonly delivered: BrokerPublication[];
  /** The stream is over; positions, versions and idempotency keys are not. */
  expireHistory(channel: string): Promise<void>;
  /** The idempotency keys are over, and with them the stream. */
  expireKeys(channel: string): Promise<void>;
  /** The channel's place is forgotten; the rest may be there still. */
  loseEpoch(channel: string): Promise<void>;
}

/** Times for a broker whose clock the test holds: each is far below the next one. */
export const MODEL_TTL_MS = { history: 1_000, key: 1_000_000, meta: 1_000_000_000 };

type PublishStep = {
  readonly kind: "publish";
  readonly keep: number;
  readonly key?: string;
  readonly version?: { readonly number: number; readonly epoch: string };
};
type ReadStep = {
  readonly kind: "read";
  readonly since?: number;
  readonly isOldEpoch: boolean;
  readonly limit?: number;
  readonly reverse: boolean;
};
export type ModelStep =
  | PublishStep
  | ReadStep
  | { readonly kind: "remove" | "expireHistory" | "expireKeys" | "loseEpoch" };

const publishStep: fc.Arbitrary<PublishStep> = fc.record(
  {
    kind: fc.constant("publish" as const),
    keep: fc.constantFrom(0, 1, 2, 3, 5, 5, 5),
    key: fc.constantFrom("a", "b", "a:b"),
    version: fc.record({ number: fc.nat(4), epoch: fc.constantFrom("", "w") }),
  },
  { requiredKeys: ["kind", "keep"] },
);
const readStep: fc.Arbitrary<ReadStep> = fc.record(
  {
    kind: fc.constant("read" as const),
    since: fc.integer({ min: 0, max: 14 }),
    isOldEpoch: fc.constantFrom(false, false, false, true),
    limit: fc.integer({ min: 0, max: 6 }),
    reverse: fc.boolean(),
  },
  { requiredKeys: ["kind", "isOldEpoch", "reverse"] },
);
export const modelSteps: fc.Arbitrary<readonly ModelStep[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: publishStep },
    { weight: 6, arbitrary: readStep },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom("remove", "expireHistory", "expireKeys", "loseEpoch") }),
    },
  ),
  { maxLength: 24 },
);

interface Published {
  readonly offset: number;
  readonly text: string;
}

/** A channel as docs/redis.md promises it, in the simplest words; every step is compared with the broker. */
export class ChannelModel {
  readonly #subject: ModelSubject;
  readonly #channel: string;
  readonly #usedEpochs = new Set<string>();
  #epoch: string | undefined;
  #oldEpoch = "none";
  #published: Published[] = [];
  #stored: Published[] = [];
  #delivered: Published[] = [];
  #keys = new Map<string, number>();
  #version: PublishStep["version"];
  #steps = 0;

  constructor(subject: ModelSubject, channel: string) {
    this.#subject = subject;
    this.#channel = channel;
  }

  async take(step: ModelStep): Promise<void> {
    this.#steps += 1;
    if (step.kind === "publish") return this.#publish(step);
    if (step.kind === "read") return this.#read(step);
    if (step.kind === "remove") await this.#subject.broker.removeHistory(this.#channel);
    else await this.#subject[step.kind](this.#channel);
    this.#stored = [];
    if (step.kind === "expireKeys") this.#keys.clear();
    if (step.kind === "loseEpoch") this.#forget();
  }

  /** Every publication that was made, in order and once. */
  expectDelivered(): void {
    const { delivered } = this.#subject;
    const seen = delivered.filter(({ channel }) => channel === this.#channel);
    assert.deepEqual(
      seen.map(({ offset, data }) => ({ offset, text: data.toString() })),
      this.#delivered,
    );
  }

  get deliveredCount(): number {
    return this.#delivered.length;
  }

  #forget(): void {
    this.#oldEpoch = this.#epoch ?? this.#oldEpoch;
    this.#epoch = undefined;
    this.#published = [];
    this.#keys.clear();
    this.#version = undefined;
  }

  async #publish({ keep, key, version }: PublishStep): Promise<void> {
    const text = `m${this.#steps}`;
    const request: PublishRequest = {
      channel: this.#channel,
      data: Buffer.from(text),
      ...(keep > 0 && { history: { size: keep, ttlMs: MODEL_TTL_MS.history } }),
      ...(key !== undefined && { idempotency: { key, ttlMs: MODEL_TTL_MS.key } }),
      ...(version !== undefined && { version }),
    };
    const { position, suppressed } = await this.#subject.broker.publish(request);
    this.#meet(position.epoch);
    const first = key === undefined ? undefined : this.#keys.get(key);
    if (first !== undefined) return assert.deepEqual([position.offset, suppressed], [first, "duplicate"]);
    if (this.#isOutdated(version))
      return assert.deepEqual([position.offset, suppressed], [this.#published.length, "outdated"]);
    const made = { offset: this.#published.length + 1, text };
    assert.deepEqual([position.offset, suppressed], [made.offset, undefined]);
    this.#published.push(made);
    this.#delivered.push(made);
    if (keep > 0) this.#stored = [...this.#stored, made].slice(-keep);
    if (key !== undefined) this.#keys.set(key, made.offset);
    this.#version = version ?? this.#version;
  }

  #isOutdated(version: PublishStep["version"]): boolean {
    const newest = this.#version;
    return version !== undefined && newest?.epoch === version.epoch && version.number <= newest.number;
  }

  async #read({ since: offset, isOldEpoch, limit, reverse }: ReadStep): Promise<void> {
    const { broker } = this.#subject;
    const epoch = isOldEpoch ? this.#oldEpoch : (this.#epoch ?? "");
    const request: HistoryRequest = {
      channel: this.#channel,
      reverse,
      ...(offset !== undefined && { since: { offset, epoch } }),
      ...(limit !== undefined && { limit }),
    };
    const history = await broker.history(request);
    this.#meet(history.position.epoch);
    assert.equal(history.position.offset, this.#published.length);
    assert.deepEqual(
      history.publications.map((each) => ({ offset: each.offset, text: each.data.toString() })),
      offset !== undefined && isOldEpoch ? [] : this.#expected(request),
    );
    if (request.since !== undefined && !reverse) this.#expectRecovery(history, request.since);
  }

  #expected({ since, limit, reverse }: HistoryRequest): readonly Published[] {
    const ordered = reverse === true ? this.#stored.toReversed() : this.#stored;
    const wanted = ordered.filter(
      ({ offset }) => since === undefined || (reverse === true ? offset < since.offset : offset > since.offset),
    );
    return wanted.slice(0, limit ?? wanted.length);
  }

  /** Exactly what was published since, or nothing. */
  #expectRecovery(history: Awaited<ReturnType<Broker["history"]>>, since: { offset: number; epoch: string }): void {
    const { recovered, publications } = recover(history, since);
    const missed = since.epoch === this.#epoch ? this.#published.slice(since.offset) : [];
    const filled = publications.map(({ offset, data }) => ({ offset, text: data.toString() }));
    assert.deepEqual(filled, recovered ? missed : []);
    if (since.epoch !== this.#epoch) assert.equal(recovered, false);
  }

  /** An epoch is the one known, or one never seen before. */
  #meet(epoch: string): void {
    if (this.#epoch === undefined) assert(!this.#usedEpochs.has(epoch), "an epoch came back");
    else assert.equal(epoch, this.#epoch);
    this.#epoch = epoch;
    this.#usedEpochs.add(epoch);
  }
}
