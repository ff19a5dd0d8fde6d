import { expect, test, vi } from "vitest";
import { type BrokerPublication, BrokerUnavailableError, type History, type HistoryRequest } from "../broker/broker.ts";
import { type PastRequest, RecentHistory } from "./recent-history.ts";
import { recover } from "./recovery.ts";

const EPOCH = "e";

function publication(offset: number, extra: Partial<BrokerPublication> = {}): BrokerPublication {
  const epoch = extra.position?.epoch ?? EPOCH;
  return {
    channel: "c",
    data: Buffer.from(`"${offset}"`),
    offset,
    timeMs: 0,
    position: { offset, epoch },
    ...extra,
  };
}

/** A channel whose stream holds the offsets after `trimmedTo` up to `top`. */
class Channel {
  top: number;
  trimmedTo = 0;
  isAway = false;
  nowMs = 0;
  isCrowdLikely = false;
  readonly asked: HistoryRequest[] = [];
  readonly recent = new RecentHistory({
    channel: "c",
    clock: { nowMs: () => this.nowMs },
    read: (request) => this.#read(request),
    isCrowdLikely: () => this.isCrowdLikely,
  });

  constructor(top: number) {
    this.top = top;
  }

  /** Publishes; the room hands it out. */
  publish(): void {
    this.top += 1;
    this.recent.follow(publication(this.top));
  }

  /** Offsets that a client which knows `offset` is given, or undefined where it is told that it cannot be recovered. */
  async since(offset: number, epoch = EPOCH): Promise<readonly number[] | undefined> {
    const since = { offset, epoch };
    const history = await this.recent.get(want(since));
    const { recovered, publications } = recover(history, since);
    return recovered ? publications.map((each) => each.offset) : undefined;
  }

  async #read(request: HistoryRequest): Promise<History> {
    this.asked.push(request);
    const { top, trimmedTo } = this;
    await new Promise((resolve) => setImmediate(resolve));
    if (this.isAway) throw new BrokerUnavailableError("away");
    const all = Array.from({ length: top - trimmedTo }, (_, index) => publication(trimmedTo + 1 + index));
    const { since, limit = 0, reverse } = request;
    const ordered = reverse === true ? all.toReversed() : all;
    const found = since === undefined ? ordered : ordered.filter(({ offset }) => offset > since.offset);
    const isForeign = since !== undefined && since.epoch !== EPOCH;
    return { position: { offset: top, epoch: EPOCH }, publications: isForeign ? [] : found.slice(0, limit) };
  }
}

function want(what: PastRequest["want"]): PastRequest {
  return { want: what, maxCount: 300, maxBytes: 1_000_000 };
}

test("[ORD10] a thousand who come back at once, each from its own place, cost two reads", async () => {
  const channel = new Channel(200);
  const places = Array.from({ length: 1_000 }, (_, index) => (index * 7 + 50) % 200);
  const told = await Promise.all(places.map((place) => channel.since(place)));
  for (const [index, offsets] of told.entries()) expect(offsets).toHaveLength(200 - (places[index] ?? 0));
  expect(channel.asked).toHaveLength(2);
});

test("[ORD10] after an interruption one read is enough for all", async () => {
  const channel = new Channel(400);
  channel.isCrowdLikely = true;
  const told = await Promise.all([400, 350, 100, 99].map((place) => channel.since(place)));
  expect(told.map((offsets) => offsets?.length)).toEqual([0, 50, 300, undefined]);
  expect(channel.asked).toHaveLength(1);
});

test("[ORD10] whoever comes later is given what was published since, without another read", async () => {
  const channel = new Channel(5);
  expect(await channel.since(3)).toEqual([4, 5]);
  channel.publish();
  channel.publish();
  expect(await channel.since(4)).toEqual([5, 6, 7]);
  expect(await channel.since(7)).toEqual([]);
  expect((await channel.recent.get(want("position"))).position).toEqual({ offset: 7, epoch: EPOCH });
  expect((await channel.recent.get(want("latest"))).publications.map(({ offset }) => offset)).toEqual([7]);
  expect(channel.asked).toHaveLength(1);
});

test("[ORD10] what is published while the history is read is part of the answer", async () => {
  const channel = new Channel(5);
  const asked = channel.since(3);
  await Promise.resolve();
  channel.publish();
  expect(await asked).toEqual([4, 5, 6]);
});

test("[ORD10] a hole, another epoch and what was not stored are never covered up", async () => {
  const channel = new Channel(5);
  const again = async (): Promise<void> => {
    channel.recent.forget();
    await channel.since(channel.top);
    channel.asked.length = 0;
  };
  for (const strange of [
    publication(7),
    publication(6, { isUnstored: true }),
    publication(6, { position: { offset: 6, epoch: "f" } }),
  ]) {
    await again();
    channel.recent.follow(strange);
    await channel.since(5);
    expect(channel.asked).toHaveLength(1);
  }
});

test("[ORD10] what is lost is told to everybody from two reads", async () => {
  const channel = new Channel(50);
  channel.trimmedTo = 40;
  const told = await Promise.all([45, 40, 39, 12, 0].map((place) => channel.since(place)));
  expect(told.map((offsets) => offsets?.length)).toEqual([5, 10, undefined, undefined, undefined]);
  expect(await channel.since(3, "other")).toBeUndefined();
  expect(await channel.since(9, "other")).toBeUndefined();
  expect(channel.asked).toHaveLength(3);
});

test("[ORD10] nobody is given more than recovery gives, in number or in bytes", async () => {
  const channel = new Channel(400);
  expect(await channel.since(99)).toBeUndefined();
  expect(await channel.since(100)).toHaveLength(300);
  channel.publish();
  expect(await channel.since(100)).toBeUndefined();
  const { publications } = await channel.recent.get({
    want: { offset: 390, epoch: EPOCH },
    maxCount: 300,
    maxBytes: 20,
  });
  expect(publications).toEqual([]);
});

test("[ORD10] a client that is ahead of the node is answered by the broker", async () => {
  const channel = new Channel(5);
  await channel.since(5);
  channel.top = 8;
  expect(await channel.since(7)).toEqual([8]);
  expect(await channel.since(99)).toBeUndefined();
  expect(channel.asked).toHaveLength(3);
});

test("[ORD10] what nobody asks for is forgotten after 5 s, everything after 60 s", async () => {
  const channel = new Channel(5);
  const readsAt = async (seconds: number): Promise<number> => {
    channel.nowMs = seconds * 1_000;
    await channel.since(4);
    return channel.asked.length;
  };
  expect([await readsAt(0), await readsAt(5), await readsAt(10.001)]).toEqual([1, 1, 2]);
  for (let seconds = 14; seconds <= 70; seconds += 4) expect(await readsAt(seconds)).toBe(2);
  expect(await readsAt(70.002)).toBe(3);
});

test("[ORD10] a broker that is away refuses all who wait, and the next one asks again", async () => {
  const channel = new Channel(5);
  channel.isAway = true;
  const refused = await Promise.allSettled([1, 2, 3].map((place) => channel.since(place)));
  expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(channel.asked).toHaveLength(1);
  channel.isAway = false;
  expect(await channel.since(3)).toEqual([4, 5]);
});

test("[ORD10] a room that was looked after knows its place, and answers from there on", async () => {
  const channel = new Channel(5);
  channel.recent.begin({ offset: 5, epoch: EPOCH });
  channel.publish();
  expect(await channel.since(5)).toEqual([6]);
  expect(channel.asked).toEqual([]);
  expect(await channel.since(2)).toEqual([3, 4, 5, 6]);
  const spy = vi.fn<() => void>();
  await channel.since(0).then(spy);
  expect(spy).toHaveBeenCalledOnce();
  expect(channel.asked).toHaveLength(1);
});
