import { JSON_CODEC, makeDelta, PROTOBUF_CODEC } from "@belay/protocol";
import { expect, test, vi } from "vitest";
import type { BrokerPublication } from "../broker/broker.ts";
import { Hub, type HubClient } from "./hub.ts";
import type { Member, MemberOptions } from "./member.ts";

const CHANNEL = "chat";

function hubOf(showsOffset: boolean): Hub<HubClient> {
  return new Hub<HubClient>({
    readHistory: () => Promise.reject(new Error("no history")),
    showsOffset: () => showsOffset,
    makeDelta,
    clock: { nowMs: () => 0 },
    observer: { onDuplicate: vi.fn<() => void>(), onGap: vi.fn<() => void>(), onPositionChecked: vi.fn<() => void>() },
  });
}

interface Listener {
  readonly member: Member;
  readonly lines: Buffer[];
}

function join(hub: Hub<HubClient>, options: Partial<MemberOptions> = {}): Listener {
  const lines: Buffer[] = [];
  const member = hub.join(CHANNEL, { codec: JSON_CODEC, sink: { push: (line) => void lines.push(line) }, ...options });
  return { member, lines };
}

function publication(offset: number, extra: Partial<BrokerPublication> = {}): BrokerPublication {
  const data = Buffer.from(`{"text":"the same long text each time","n":${offset}}`);
  return { channel: CHANNEL, data, offset, timeMs: 5, position: { offset, epoch: "e" }, useDelta: true, ...extra };
}

interface Line {
  readonly push: { readonly pub: Readonly<Record<string, unknown>> };
}

const pubsOf = ({ lines }: Listener): readonly Record<string, unknown>[] =>
  lines.map((line) => (JSON.parse(line.toString()) as Line).push.pub);

test("[PLC1] in a channel without a history only those who see places get offsets, and each kind of line is made once", () => {
  const hub = hubOf(false);
  const kinds: readonly Partial<MemberOptions>[] = [
    {},
    { showsPlaces: true },
    { isDeltaStream: true },
    { isDeltaStream: true, showsPlaces: true },
    { codec: PROTOBUF_CODEC },
    { codec: PROTOBUF_CODEC, showsPlaces: true },
  ];
  const pairs = kinds.map((options) => [join(hub, options), join(hub, options)] as const);
  for (const pair of pairs) for (const { member } of pair) member.activate();
  for (const offset of [1, 2]) hub.deliver(publication(offset));
  for (const [first, second] of pairs) {
    expect(first.lines).toHaveLength(2);
    expect(first.lines.every((line, at) => line === second.lines[at])).toBe(true);
  }
  expect(new Set(pairs.map(([{ lines }]) => lines[1])).size).toBe(kinds.length);
  const [plain, placed, delta, placedDelta] = pairs.map(([first]) => first);
  if (plain === undefined || placed === undefined || delta === undefined || placedDelta === undefined) return;
  expect(pubsOf(plain)[1]).not.toHaveProperty("offset");
  expect(pubsOf(placed).map(({ offset, time }) => [offset, time])).toEqual([
    [1, 5],
    [2, 5],
  ]);
  expect(pubsOf(delta)[1]).toEqual(expect.not.objectContaining({ offset: 2 }));
  expect(pubsOf(placedDelta)[1]).toMatchObject({ offset: 2, delta: true });
});

test("[PLC1] where everybody sees offsets all share one line", () => {
  const hub = hubOf(true);
  const [plain, placed] = [join(hub), join(hub, { showsPlaces: true })];
  for (const { member } of [plain, placed]) member.activate();
  hub.deliver(publication(1));
  expect(plain.lines[0]).toBe(placed.lines[0]);
});

test("[PLC1] who sees places gets what is behind its own, once; a hole shows and ends nothing", () => {
  const hub = hubOf(false);
  const listener = join(hub, { showsPlaces: true });
  hub.deliver(publication(1));
  hub.deliver(publication(2));
  listener.member.activate({ offset: 1, epoch: "e" });
  for (const offset of [2, 3, 6]) hub.deliver(publication(offset));
  hub.deliver(publication(1, { position: { offset: 1, epoch: "f" } }));
  expect(pubsOf(listener).map(({ offset }) => offset)).toEqual([2, 3, 6, 1]);
});

test("[EPH1] an ephemeral publication has no place for anybody", () => {
  const hub = hubOf(false);
  const [plain, placed] = [join(hub), join(hub, { showsPlaces: true })];
  for (const { member } of [plain, placed]) member.activate({ offset: 3, epoch: "e" });
  hub.deliver({ ...publication(0), ephemeralKey: "k" });
  expect(placed.lines[0]).toBe(plain.lines[0]);
  expect(pubsOf(placed)[0]).not.toHaveProperty("offset");
});
