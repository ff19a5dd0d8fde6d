import { JSON_CODEC } from "@belay/protocol";
import { expect, test, vi } from "vitest";
import { type BrokerPublication, BrokerUnavailableError, type History, type HistoryRequest } from "../broker/broker.ts";
import { Hub, type HubClient } from "./hub.ts";

const EVERY_MS = 40_000;
const EPOCH = "e";

/** A node with rooms on a broker where every channel is at `top`. */
class Node {
  top = 1;
  isAway = false;
  readonly asked: { readonly channel: string; readonly atMs: number }[] = [];
  readonly got = new Map<string, number[]>();
  readonly lost: string[] = [];
  readonly hub = new Hub<HubClient>({
    readHistory: (request) => this.#read(request),
    showsOffset: () => true,
    makeDelta: (_from, to) => to,
    clock: { nowMs: () => Date.now() },
    observer: { onDuplicate: () => undefined, onGap: () => undefined, onPositionChecked: () => undefined },
  });

  /** Somebody subscribes at offset 1. */
  join(channel: string, isPositioned = true): void {
    const got: number[] = [];
    this.got.set(channel, got);
    const member = this.hub.join(channel, {
      codec: JSON_CODEC,
      sink: { push: (line) => void got.push((JSON.parse(line.toString()) as Line).push.pub.offset) },
      ...(isPositioned && { onInsufficient: () => void this.lost.push(channel) }),
    });
    const position = { offset: 1, epoch: EPOCH };
    if (isPositioned) this.hub.room(channel)?.expectAfter(position);
    member.activate(isPositioned ? position : undefined);
  }

  async #read({ channel, since, limit }: HistoryRequest): Promise<History> {
    if (limit === 0) this.asked.push({ channel, atMs: Date.now() });
    if (this.isAway) throw new BrokerUnavailableError("away");
    const publications = Array.from({ length: this.top }, (_, index) => publication(channel, index + 1));
    const missed = publications.filter(({ offset }) => offset > (since?.offset ?? 0));
    return { position: { offset: this.top, epoch: EPOCH }, publications: limit === 0 ? [] : missed };
  }
}

interface Line {
  readonly push: { readonly pub: { readonly offset: number } };
}

function publication(channel: string, offset: number): BrokerPublication {
  return { channel, data: Buffer.from("1"), offset, timeMs: 0, position: { offset, epoch: EPOCH } };
}

function runningNode(): Node {
  vi.useFakeTimers({ now: 0 });
  const node = new Node();
  node.hub.start();
  return node;
}

/** Fake time is global to a file. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

test("[ORD11] an idle channel's position is read once in 40 s for all its subscribers, and the reads are spread", async () => {
  const node = runningNode();
  for (let index = 0; index < 400; index += 1) node.join(`c${index}`);
  for (let index = 0; index < 50; index += 1) node.join("c7");
  await pass(10 * EVERY_MS);
  const of7 = node.asked.filter(({ channel }) => channel === "c7").map(({ atMs }) => atMs);
  expect(of7.length).toBeGreaterThanOrEqual(6);
  const pauses = of7.slice(1).map((atMs, index) => atMs - (of7[index] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(EVERY_MS);
  const perTurn = new Map<number, number>();
  for (const { atMs } of node.asked) perTurn.set(atMs, (perTurn.get(atMs) ?? 0) + 1);
  expect(Math.max(...perTurn.values())).toBeLessThanOrEqual(10);
  expect(node.lost).toEqual([]);
  node.hub.stop();
});

test("[ORD11] a publication that was lost without a sign is handed out within 80 s, though nothing follows it", async () => {
  const node = runningNode();
  node.join("c");
  node.top = 3;
  await pass(2 * EVERY_MS);
  expect(node.got.get("c")).toEqual([2, 3]);
  expect(node.lost).toEqual([]);
  node.hub.stop();
});

test("[ORD11] what was only under way is waited for, and read by nobody", async () => {
  const node = runningNode();
  node.join("c");
  node.top = 2;
  for (let left = 1_000; left > 0 && node.asked.length === 0; left -= 1) await pass(100);
  const room = node.hub.room("c");
  if (room === undefined) throw new Error("no room");
  const verify = vi.spyOn(room, "verify");
  node.hub.deliver(publication("c", 2));
  await pass(1_000);
  expect(verify).not.toHaveBeenCalled();
  expect(node.got.get("c")).toEqual([2]);
  node.hub.stop();
});

test("[ORD11] busy channels, and those that nobody counts on, are not asked for; nor is anything lost while the broker is away", async () => {
  const node = runningNode();
  node.join("plain", false);
  node.join("busy");
  node.join("idle");
  node.isAway = true;
  for (let offset = 2; offset < 40; offset += 1) {
    node.hub.deliver(publication("busy", offset));
    await pass(5_000);
  }
  expect(new Set(node.asked.map(({ channel }) => channel))).toEqual(new Set(["idle"]));
  expect(node.lost).toEqual([]);
  node.hub.stop();
});
