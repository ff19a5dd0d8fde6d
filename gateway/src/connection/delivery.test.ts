import { JSON_CODEC, MAX_REPLIES_PER_FRAME, MAX_REPLY_FRAME_BYTES } from "@belay/protocol";
import { expect, test, vi } from "vitest";
import type { Clock } from "../clock.ts";
import type { FrameBatch } from "../transport/framing.ts";
import type { Socket } from "../transport/socket.ts";
import { WS_BINARY, WS_TEXT } from "../transport/ws-framing.ts";
import { FlushLoop } from "./flush.ts";
import { Outbox } from "./outbox.ts";

/** A socket that keeps what it was given. */
class KeepingSocket implements Socket {
  readonly transport = "websocket";
  readonly isUnidirectional = false;
  readonly codec = JSON_CODEC;
  readonly framing = WS_TEXT;
  readonly remoteAddress = "";
  readonly headers = {};
  readonly batches: FrameBatch[] = [];
  bufferedBytes = 0;
  send(batch: FrameBatch): void {
    this.batches.push(batch);
  }
  close(): void {}
  terminate(): void {}
  pause(): void {}
  resume(): void {}

  get frames(): readonly string[] {
    return this.batches.flatMap(({ wire, payloads }) =>
      payloads.map(({ start, end }) => wire.toString("utf8", start, end)),
    );
  }

  get lines(): readonly string[] {
    return this.frames.flatMap((frame) => frame.split("\n"));
  }
}

const stillClock: Clock = { nowMs: () => 0, date: () => new Date(0) };
const line = (text: string | number): Buffer => Buffer.from(String(text));
const nextTurn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

function client(loop: FlushLoop) {
  const socket = new KeepingSocket();
  const onSlow = vi.fn<() => void>();
  const outbox = new Outbox({ socket, loop, counters: { lines: 0, writes: 0, bytes: 0, leftOut: 0 }, onSlow });
  return { socket, outbox, onSlow };
}

test("[ORD1] lines leave in the order they came in, and once", async () => {
  const loop = new FlushLoop(stillClock, 1 << 20);
  const { socket, outbox } = client(loop);
  for (let n = 0; n < 100; n++) outbox.push(line(n));
  await nextTurn();
  outbox.push(line("last"));
  await nextTurn();
  expect(socket.lines).toEqual([...Array.from({ length: 100 }, (_, n) => String(n)), "last"]);
});

test("[ORD4] what waits is joined to one write of frames with at most 16 lines", async () => {
  const loop = new FlushLoop(stillClock, 1 << 20);
  const { socket, outbox } = client(loop);
  for (let n = 0; n < 40; n++) outbox.push(line(n));
  await nextTurn();
  expect(socket.batches).toHaveLength(1);
  expect(socket.frames.map((frame) => frame.split("\n").length)).toEqual([
    MAX_REPLIES_PER_FRAME,
    MAX_REPLIES_PER_FRAME,
    8,
  ]);
});

test("[ORD4] frames stay within 65,536 bytes, a larger line goes alone", () => {
  const sizes = [30_000, 30_000, 5_535, 1, 70_000, 10, 65_525, 65_536];
  const { wire, payloads } = WS_TEXT.batch(sizes.map((size) => Buffer.alloc(size, "x")));
  const frames = payloads.map(({ start, end }) =>
    wire
      .subarray(start, end)
      .toString()
      .split("\n")
      .map((text) => text.length),
  );
  expect(frames).toEqual([[30_000, 30_000], [5_535, 1], [70_000], [10, 65_525], [65_536]]);
  const joined = payloads.map(({ start, end }) => end - start).filter((bytes) => bytes !== 70_000);
  expect(Math.max(...joined)).toBe(MAX_REPLY_FRAME_BYTES);
});

test("[ORD4] Protobuf messages stand one behind the other in binary frames", () => {
  const { wire, payloads } = WS_BINARY.batch(Array.from({ length: 20 }, () => Buffer.from([1, 0x78])));
  expect(payloads.map(({ start, end }) => [...wire.subarray(start - 2, end)])).toEqual([
    [0x82, 32, ...Array.from({ length: 16 }, () => [1, 0x78]).flat()],
    [0x82, 8, ...Array.from({ length: 4 }, () => [1, 0x78]).flat()],
  ]);
});

test("[ORD4] connections with the same backlog share one buffer, others do not", async () => {
  const loop = new FlushLoop(stillClock, 1 << 20);
  const same = Array.from({ length: 50 }, () => client(loop));
  const other = client(loop);
  const lines = [line("a"), line("b"), line("c")];
  other.outbox.push(line("own"));
  for (const text of lines) for (const { outbox } of [...same, other]) outbox.push(text);
  await nextTurn();
  expect(new Set(same.map(({ socket }) => socket.batches[0]?.wire)).size).toBe(1);
  expect(other.socket.lines).toEqual(["own", "a", "b", "c"]);
});

test("[LIM7] a queue over its limit is dropped and reported once", async () => {
  const loop = new FlushLoop(stillClock, 100);
  const { socket, outbox, onSlow } = client(loop);
  for (let n = 0; n < 20; n++) outbox.push(line("0123456789"));
  await nextTurn();
  expect(onSlow).toHaveBeenCalledOnce();
  expect(socket.batches).toEqual([]);
});

test("[LIM7] bytes that wait in the socket count", async () => {
  const loop = new FlushLoop(stillClock, 100);
  const { socket, outbox, onSlow } = client(loop);
  socket.bufferedBytes = 95;
  outbox.push(line("0123456789"));
  await nextTurn();
  expect(onSlow).toHaveBeenCalledOnce();
});

test("[EPH2] a reader that is behind gets the newest of each key, after what is queued; one that keeps up gets all", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    const loop = new FlushLoop(stillClock, 1 << 20);
    const { socket, outbox, onSlow } = client(loop);
    for (let n = 0; n < 3; n++) outbox.push(line(`fast ${n}`), "a");
    await nextTurn();
    expect(socket.lines).toEqual(["fast 0", "fast 1", "fast 2"]);
    socket.bufferedBytes = 20_000;
    for (let n = 0; n < 1000; n++) outbox.push(line(`slow ${n}`), n % 2 === 0 ? "a" : "b");
    outbox.push(line("ordinary"));
    await nextTurn();
    vi.advanceTimersByTime(200);
    await nextTurn();
    expect(socket.lines.slice(3)).toEqual(["ordinary"]);
    socket.bufferedBytes = 0;
    vi.advanceTimersByTime(100);
    await nextTurn();
    expect(socket.lines.slice(4)).toEqual(["slow 998", "slow 999"]);
    socket.bufferedBytes = 20_000;
    outbox.push(line("old"), "a");
    socket.bufferedBytes = 0;
    outbox.push(line("new"), "a");
    vi.advanceTimersByTime(100);
    await nextTurn();
    expect(socket.lines.slice(6)).toEqual(["new"]);
    expect(onSlow).not.toHaveBeenCalled();
  } finally {
    vi.useRealTimers();
  }
});

test("[EPH2] ephemeral lines never make a reader slow: at most 64 keys and a quarter of the limit wait", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    const loop = new FlushLoop(stillClock, 65_536);
    const { socket, outbox, onSlow } = client(loop);
    socket.bufferedBytes = 17_000;
    for (let n = 0; n < 500; n++) outbox.push(line(`small ${n}`), `key ${n}`);
    socket.bufferedBytes = 0;
    vi.advanceTimersByTime(100);
    await nextTurn();
    expect(socket.lines).toEqual(Array.from({ length: 64 }, (_, n) => `small ${436 + n}`));
    socket.bufferedBytes = 17_000;
    for (let n = 0; n < 100; n++) outbox.push(line("x".repeat(4000)), `large ${n}`);
    outbox.push(line("x".repeat(30_000)), "too large to wait");
    expect(onSlow).not.toHaveBeenCalled();
    socket.bufferedBytes = 0;
    vi.advanceTimersByTime(100);
    await nextTurn();
    expect(socket.lines.slice(64).length).toBeLessThanOrEqual(4);
    outbox.push(line("x".repeat(20_000)), "alone");
    await nextTurn();
    expect(socket.lines.at(-1)).toHaveLength(20_000);
  } finally {
    vi.useRealTimers();
  }
});

test("[ORD6] a pass that took long is followed by a pause of at most 5 ms", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setImmediate"] });
  try {
    let nowMs = 0;
    const loop = new FlushLoop({ nowMs: () => nowMs, date: () => new Date(0) }, 1 << 20);
    const sent: number[] = [];
    const slowFlush = { flush: () => void (sent.push(nowMs), (nowMs += 40)) };
    loop.add(slowFlush);
    vi.runOnlyPendingTimers();
    expect(sent).toEqual([0]);
    loop.add(slowFlush);
    await vi.advanceTimersByTimeAsync(4);
    expect(sent).toHaveLength(1);
    nowMs += 5;
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual([0, 45]);
  } finally {
    vi.useRealTimers();
  }
});
