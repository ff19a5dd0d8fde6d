import { expect, test } from "vitest";
import type { PublishRequest } from "./broker.ts";
import { MemoryStreams, type MemoryStreamsOptions } from "./memory-streams.ts";

interface Held {
  readonly streams: MemoryStreams;
  readonly pass: (ms: number) => void;
}

function openStreams(bounds: Partial<MemoryStreamsOptions>): Held {
  let nowMs = 0;
  const streams = new MemoryStreams({
    clock: { nowMs: () => nowMs, date: () => new Date(nowMs) },
    epochPrefix: "e",
    metaTtlMs: 1_000,
    maxChannels: 1_000,
    maxIdempotencyKeys: 1_000,
    maxHistoryBytes: 1_000_000,
    ...bounds,
  });
  return { streams, pass: (ms) => void (nowMs += ms) };
}

const kept = (channel: string, bytes: number): PublishRequest => ({
  channel,
  data: Buffer.alloc(bytes),
  history: { size: 100, ttlMs: 60_000 },
});

test("[BR29] the channel longest unused is forgotten beyond the bound, with its history, and gets a new epoch", () => {
  const { streams } = openStreams({ maxChannels: 3 });
  const first = streams.publish(kept("a", 1)).outcome.position;
  for (const channel of ["b", "c"]) streams.publish(kept(channel, 1));
  streams.history({ channel: "a" });
  streams.publish(kept("d", 1));
  expect(streams.channelCount).toBe(3);
  expect(streams.history({ channel: "a" }).position).toEqual(first);
  const b = streams.history({ channel: "b" });
  expect([b.position.offset, b.publications]).toEqual([0, []]);
});

test("[BR29] stored bytes stay within the bound: histories longest without a publication go first, and readers see holes only", () => {
  const { streams } = openStreams({ maxHistoryBytes: 20_000 });
  for (let index = 0; index < 5; index += 1) streams.publish(kept(`c${index}`, 4_000));
  expect(streams.historyBytes).toBeLessThanOrEqual(20_000);
  expect(streams.history({ channel: "c0" })).toMatchObject({ position: { offset: 1 }, publications: [] });
  expect(streams.history({ channel: "c4" }).publications).toHaveLength(1);
  for (let index = 0; index < 10; index += 1) streams.publish(kept("c4", 6_000));
  const { position, publications } = streams.history({ channel: "c4" });
  expect(position.offset).toBe(11);
  expect(publications.map(({ offset }) => offset)).toEqual([9, 10, 11]);
  streams.publish(kept("c4", 30_000));
  expect(streams.history({ channel: "c4" }).publications).toEqual([]);
  expect(streams.historyBytes).toBe(0);
});

test("[BR29] what nobody asks for any more goes after its time, a little with every publication", () => {
  const { streams, pass } = openStreams({});
  for (let index = 0; index < 200; index += 1)
    streams.publish({
      ...kept(`c${index}`, 100),
      history: { size: 1, ttlMs: 500 },
      idempotency: { key: "k", ttlMs: 500 },
    });
  expect(streams.channelCount).toBe(200);
  pass(1_001);
  for (let index = 0; index < 200; index += 1) streams.publish({ channel: "busy", data: Buffer.from("x") });
  expect(streams.channelCount).toBe(1);
  expect(streams.historyBytes).toBe(0);
});

test("[BR29] a channel that is published to or read keeps its epoch", () => {
  const { streams, pass } = openStreams({});
  const { epoch } = streams.history({ channel: "c" }).position;
  for (let round = 0; round < 4; round += 1) {
    pass(900);
    expect(streams.history({ channel: "c", limit: 0 }).position.epoch).toBe(epoch);
  }
  pass(1_000);
  expect(streams.history({ channel: "c" }).position.epoch).not.toBe(epoch);
});

test("[BR29] idempotency keys are bounded: the oldest is forgotten first", () => {
  const { streams } = openStreams({ maxIdempotencyKeys: 2 });
  const publish = (key: string): unknown =>
    streams.publish({ channel: "c", data: Buffer.from("x"), idempotency: { key, ttlMs: 60_000 } }).outcome.suppressed;
  expect(["a", "b", "c", "c", "b", "a"].map(publish)).toEqual([
    undefined,
    undefined,
    undefined,
    "duplicate",
    "duplicate",
    undefined,
  ]);
});

test("[BR29] what is stored does not keep the frame that it was part of", () => {
  const { streams } = openStreams({});
  const frame = Buffer.alloc(1_000_000, "x");
  streams.publish({ ...kept("c", 0), data: frame.subarray(0, 10) });
  const [stored] = streams.history({ channel: "c" }).publications;
  expect(stored?.data.buffer.byteLength).toBeLessThan(100_000);
});
