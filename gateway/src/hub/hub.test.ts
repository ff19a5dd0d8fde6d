import { JSON_CODEC } from "@belay/protocol";
import { expect, type Mock, test, vi } from "vitest";
import { type BrokerPublication, BrokerUnavailableError, type History, type Position } from "../broker/broker.ts";
import { FanOut } from "./fan-out.ts";
import { Hub, type HubClient } from "./hub.ts";
import type { Member } from "./member.ts";

const CHANNEL = "chat";

/** A hub with one channel whose history is what the test says. */
function hubOf({
  slice,
  history,
  later,
}: { slice?: number; history?: () => Promise<History>; later?: (work: () => void) => void } = {}) {
  const observer = {
    onDuplicate: vi.fn<() => void>(),
    onGap: vi.fn<(filled: boolean) => void>(),
    onPositionChecked: vi.fn<() => void>(),
  };
  const hub = new Hub<HubClient>({
    readHistory: history ?? (() => Promise.reject(new Error("no history"))),
    showsOffset: () => true,
    makeDelta: (_from, to) => Buffer.concat([Buffer.from("Δ"), to.subarray(0, 1)]),
    clock: { nowMs: () => 0 },
    observer,
    ...(later !== undefined && { later }),
    ...(slice !== undefined && { fanOut: new FanOut(slice) }),
  });
  return { hub, observer };
}

interface Listener {
  readonly member: Member;
  /** Payloads, a patch as `Δ…`. */
  readonly got: unknown[];
  readonly onInsufficient: Mock<() => void>;
}

function join(hub: Hub<HubClient>, options: { positioned?: boolean; delta?: boolean; filter?: string } = {}): Listener {
  const got: unknown[] = [];
  const onInsufficient = vi.fn<() => void>();
  const { filter } = options;
  const member = hub.join(CHANNEL, {
    codec: JSON_CODEC,
    sink: { push: (line) => void got.push((JSON.parse(line.toString()) as Line).push.pub.data) },
    ...(options.positioned === true && { onInsufficient }),
    ...(options.delta === true && { isDeltaStream: true }),
    ...(filter !== undefined && { filter: (tags) => tags["kind"] === filter }),
  });
  return { member, got, onInsufficient };
}

interface Line {
  readonly push: { readonly pub: { readonly data: unknown } };
}

function publication(offset: number, epoch = "e", extra: Partial<BrokerPublication> = {}): BrokerPublication {
  return {
    channel: CHANNEL,
    data: Buffer.from(String(offset)),
    offset,
    timeMs: 0,
    position: { offset, epoch },
    ...extra,
  };
}

function historyOf(position: Position, ...offsets: readonly number[]): () => Promise<History> {
  return () => Promise.resolve({ position, publications: offsets.map((offset) => publication(offset)) });
}

test("[ORD2] [ORD5] a large room is served in slices, in order, and a member who joins between them misses what was before", async () => {
  const { hub } = hubOf({ slice: 10 });
  const early = Array.from({ length: 95 }, () => join(hub));
  for (const { member } of early) member.activate();
  hub.deliver(publication(1));
  hub.deliver(publication(2));
  const late = join(hub);
  late.member.activate();
  expect(early.filter(({ got }) => got.length > 0)).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(early.filter(({ got }) => got.length > 0)).toHaveLength(10);
  hub.deliver(publication(3));
  await vi.waitUntil(() => late.got.length > 0);
  await vi.waitUntil(() => early.every(({ got }) => got.length === 3));
  expect(late.got).toEqual([3]);
  for (const { got } of early) expect(got).toEqual([1, 2, 3]);
});

test("[ORD2] a member who leaves between slices gets nothing more, and nobody else is skipped", async () => {
  const { hub } = hubOf({ slice: 10 });
  const all = Array.from({ length: 50 }, () => join(hub));
  for (const { member } of all) member.activate();
  hub.deliver(publication(1));
  await new Promise((resolve) => setImmediate(resolve));
  for (const [n, { member }] of all.entries()) if (n % 3 === 0) hub.leave(CHANNEL, member);
  await vi.waitUntil(() => all[49]?.got.length === 1);
  expect(all.flatMap(({ got }, n) => (got.length === 1 ? [n] : []))).toEqual(
    all.flatMap((_, n) => (n < 10 || n % 3 !== 0 ? [n] : [])),
  );
});

test("[ORD7] a publication that comes twice is handed out once", () => {
  const { hub, observer } = hubOf();
  const plain = join(hub);
  plain.member.activate();
  for (const offset of [4, 5, 5, 4, 6]) hub.deliver(publication(offset));
  expect(plain.got).toEqual([4, 5, 6]);
  expect(observer.onDuplicate).toHaveBeenCalledTimes(2);
});

test("[ORD7] a hole is filled once from the history, before anything newer, for every subscriber", async () => {
  const history = vi.fn<() => Promise<History>>(historyOf({ offset: 5, epoch: "e" }, 3, 4, 5));
  const { hub, observer } = hubOf({ history });
  const positioned = join(hub, { positioned: true });
  const plain = join(hub);
  positioned.member.activate({ offset: 1, epoch: "e" });
  plain.member.activate();
  for (const offset of [2, 5, 6]) hub.deliver(publication(offset));
  await vi.waitUntil(() => plain.got.length === 5);
  expect(positioned.got).toEqual([2, 3, 4, 5, 6]);
  expect(plain.got).toEqual([2, 3, 4, 5, 6]);
  expect(history).toHaveBeenCalledOnce();
  expect(observer.onGap.mock.calls).toEqual([[true]]);
});

test("[ORD8] a hole that no history fills ends positioned subscriptions and nobody else's", async () => {
  const { hub, observer } = hubOf({ history: historyOf({ offset: 5, epoch: "e" }, 4, 5) });
  const positioned = join(hub, { positioned: true });
  const plain = join(hub);
  positioned.member.activate({ offset: 1, epoch: "e" });
  plain.member.activate();
  positioned.onInsufficient.mockImplementation(() => hub.leave(CHANNEL, positioned.member));
  for (const offset of [2, 5, 6]) hub.deliver(publication(offset));
  await vi.waitUntil(() => plain.got.length === 3);
  expect(positioned.got).toEqual([2]);
  expect(positioned.onInsufficient).toHaveBeenCalledOnce();
  expect(plain.got).toEqual([2, 5, 6]);
  expect(observer.onGap.mock.calls).toEqual([[false]]);
});

test("[ORD8] another epoch ends positioned subscriptions of the old one", () => {
  const { hub } = hubOf();
  const old = join(hub, { positioned: true });
  old.member.activate({ offset: 1, epoch: "e" });
  hub.deliver(publication(2));
  const fresh = join(hub, { positioned: true });
  fresh.member.activate({ offset: 0, epoch: "f" });
  hub.deliver(publication(1, "f"));
  expect(old.onInsufficient).toHaveBeenCalledOnce();
  expect(fresh.onInsufficient).not.toHaveBeenCalled();
  expect(fresh.got).toEqual([1]);
});

test("[ORD3] what comes while the history is read waits for the reply, without what the reply holds", () => {
  const { hub } = hubOf();
  const subscriber = join(hub, { positioned: true });
  for (const offset of [7, 8, 9]) hub.deliver(publication(offset));
  expect(subscriber.got).toEqual([]);
  subscriber.member.activate({ offset: 8, epoch: "e" });
  hub.deliver(publication(10));
  expect(subscriber.got).toEqual([9, 10]);
});

test("[ORD8] a subscriber told an epoch that is over by then is told so", () => {
  const { hub } = hubOf();
  const subscriber = join(hub, { positioned: true });
  hub.deliver(publication(1, "f"));
  subscriber.member.activate({ offset: 8, epoch: "e" });
  expect(subscriber.onInsufficient).toHaveBeenCalledOnce();
  expect(subscriber.got).toEqual([]);
});

test("[ORD8] nothing behind the position of the first subscriber's reply is missed", async () => {
  const { hub } = hubOf({ history: historyOf({ offset: 7, epoch: "e" }, 6, 7) });
  const subscriber = join(hub, { positioned: true });
  hub.room(CHANNEL)?.expectAfter({ offset: 5, epoch: "e" });
  subscriber.member.activate({ offset: 5, epoch: "e" });
  hub.deliver(publication(7));
  await vi.waitUntil(() => subscriber.got.length === 2);
  expect(subscriber.got).toEqual([6, 7]);
});

test("[ORD8] after an interruption what was missed is handed out though nothing new comes", async () => {
  const { hub, observer } = hubOf({ history: historyOf({ offset: 3, epoch: "e" }, 2, 3) });
  const subscriber = join(hub, { positioned: true });
  subscriber.member.activate({ offset: 1, epoch: "e" });
  hub.room(CHANNEL)?.expectAfter({ offset: 1, epoch: "e" });
  await hub.verifyPositions();
  expect(subscriber.got).toEqual([2, 3]);
  expect(observer.onGap.mock.calls).toEqual([[true]]);
});

test("[TP11] only channels that an interruption concerns are read", async () => {
  const history = vi.fn<() => Promise<History>>(historyOf({ offset: 1, epoch: "e" }));
  const { hub } = hubOf({ history });
  const subscriber = join(hub, { positioned: true });
  subscriber.member.activate({ offset: 1, epoch: "e" });
  hub.room(CHANNEL)?.expectAfter({ offset: 1, epoch: "e" });
  await hub.verifyPositions((channel) => channel !== CHANNEL);
  expect(history).not.toHaveBeenCalled();
  await hub.verifyPositions((channel) => channel === CHANNEL);
  expect(history).toHaveBeenCalledTimes(1);
});

test("[ORD8] an interruption while a hole is being filled is looked at when it is", async () => {
  const answers: (() => void)[] = [];
  const histories = [historyOf({ offset: 3, epoch: "e" }, 2, 3), historyOf({ offset: 5, epoch: "e" }, 4, 5)];
  const history = (): Promise<History> =>
    new Promise((resolve) =>
      answers.push(() => resolve((histories.shift() ?? historyOf({ offset: 5, epoch: "e" }))())),
    );
  const { hub } = hubOf({ history });
  const subscriber = join(hub, { positioned: true });
  hub.room(CHANNEL)?.expectAfter({ offset: 1, epoch: "e" });
  subscriber.member.activate({ offset: 1, epoch: "e" });
  hub.deliver(publication(3));
  await hub.verifyPositions();
  answers.shift()?.();
  await vi.waitUntil(() => answers.length > 0);
  answers.shift()?.();
  await vi.waitUntil(() => subscriber.got.length === 4);
  expect(subscriber.got).toEqual([2, 3, 4, 5]);
});

test("[ORD8] an interruption while somebody subscribes is looked at when it has its place", async () => {
  const { hub } = hubOf({ history: historyOf({ offset: 2, epoch: "e" }, 2) });
  const subscriber = join(hub, { positioned: true });
  await hub.verifyPositions();
  hub.room(CHANNEL)?.expectAfter({ offset: 1, epoch: "e" });
  subscriber.member.activate({ offset: 1, epoch: "e" });
  await vi.waitUntil(() => subscriber.got.length === 1);
  expect(subscriber.got).toEqual([2]);
});

test("[ORD12] while the broker does not answer, a hole waits, and what follows it too; asked again at once when it is back", async () => {
  let isAway = true;
  // It may be read once more, to look whether anything came meanwhile.
  const full = historyOf({ offset: 5, epoch: "e" }, 2, 3, 4, 5);
  const { hub, observer } = hubOf({
    history: () => (isAway ? Promise.reject(new BrokerUnavailableError("away")) : full()),
  });
  const subscriber = join(hub, { positioned: true });
  hub.room(CHANNEL)?.expectAfter({ offset: 1, epoch: "e" });
  subscriber.member.activate({ offset: 1, epoch: "e" });
  hub.deliver(publication(3));
  hub.deliver(publication(5));
  await hub.verifyPositions();
  expect([subscriber.got, subscriber.onInsufficient.mock.calls]).toEqual([[], []]);
  isAway = false;
  await hub.verifyPositions();
  await vi.waitUntil(() => subscriber.got.length === 4);
  expect(subscriber.got).toEqual([2, 3, 4, 5]);
  expect(observer.onGap.mock.calls).toEqual([[true]]);
});

test("[ORD12] a broker that is there and does not answer eight times costs the subscription, and no more", async () => {
  const history = vi.fn<() => Promise<History>>(() => Promise.reject(new BrokerUnavailableError("away")));
  const { hub } = hubOf({ history, later: (work) => void setImmediate(work) });
  const subscriber = join(hub, { positioned: true });
  const plain = join(hub);
  hub.room(CHANNEL)?.expectAfter({ offset: 1, epoch: "e" });
  subscriber.member.activate({ offset: 1, epoch: "e" });
  plain.member.activate();
  hub.deliver(publication(3));
  await vi.waitUntil(() => subscriber.onInsufficient.mock.calls.length === 1);
  expect(history).toHaveBeenCalledTimes(8);
  expect([subscriber.got, plain.got]).toEqual([[], [3]]);
});

test("[ORD8] a newcomer of another epoch is the sign to look, so that idle subscribers of the old one are told", async () => {
  const { hub } = hubOf({ history: historyOf({ offset: 0, epoch: "f" }) });
  const old = join(hub, { positioned: true });
  old.member.activate({ offset: 1, epoch: "e" });
  hub.deliver(publication(2));
  const fresh = join(hub, { positioned: true });
  hub.room(CHANNEL)?.expectAfter({ offset: 0, epoch: "f" });
  fresh.member.activate({ offset: 0, epoch: "f" });
  await vi.waitUntil(() => old.onInsufficient.mock.calls.length === 1);
});

test("[ORD8] a hole that only some subscribers have ends theirs alone, once, and nothing more reaches them", () => {
  const { hub } = hubOf();
  const plain = join(hub);
  plain.member.activate();
  for (const offset of [1, 8]) hub.deliver(publication(offset));
  const behind = join(hub, { positioned: true });
  const upToDate = join(hub, { positioned: true });
  behind.member.activate({ offset: 5, epoch: "e" });
  upToDate.member.activate({ offset: 8, epoch: "e" });
  for (const offset of [9, 10]) hub.deliver(publication(offset));
  expect([behind.got, upToDate.got]).toEqual([[], [9, 10]]);
  expect(behind.onInsufficient).toHaveBeenCalledOnce();
  expect(upToDate.onInsufficient).not.toHaveBeenCalled();
});

function long(offset: number, useDelta: boolean): BrokerPublication {
  return publication(offset, "e", { data: Buffer.from(`"${String(offset).repeat(9)}"`), useDelta });
}

test("[SUB9] a delta stream begins with a whole publication and goes on with patches where the publisher wants them", () => {
  const { hub } = hubOf();
  const plain = join(hub);
  const delta = join(hub, { delta: true });
  plain.member.activate();
  delta.member.activate();
  for (const [offset, useDelta] of [
    [1, true],
    [2, true],
    [3, false],
  ] as const)
    hub.deliver(long(offset, useDelta));
  expect(plain.got).toEqual(["111111111", "222222222", "333333333"]);
  expect(delta.got).toEqual(['"111111111"', 'Δ"', '"333333333"']);
});

test("[SUB10] a filter keeps back what does not fit", () => {
  const { hub } = hubOf();
  const some = join(hub, { filter: "goal" });
  some.member.activate();
  hub.deliver(publication(1, "e", { tags: { kind: "goal" } }));
  hub.deliver(publication(2, "e", { tags: { kind: "card" } }));
  hub.deliver(publication(3));
  expect(some.got).toEqual([1]);
});
