import { JSON_CODEC } from "@belay/protocol";
import { expect, test, vi } from "vitest";
import { type BrokerPublication, ephemeralOf } from "../broker/broker.ts";
import { Hub, type HubClient } from "./hub.ts";

const CHANNEL = "chat";

function rig(options: { readonly isPositioned?: boolean; readonly isDeltaStream?: boolean } = {}) {
  const observer = {
    onDuplicate: vi.fn<() => void>(),
    onGap: vi.fn<(filled: boolean) => void>(),
    onPositionChecked: vi.fn<() => void>(),
  };
  const hub = new Hub<HubClient>({
    readHistory: () => Promise.reject(new Error("no history")),
    showsOffset: () => true,
    makeDelta: () => Buffer.from("Δ"),
    clock: { nowMs: () => 0 },
    observer,
  });
  const lines: string[] = [];
  const keys: (string | undefined)[] = [];
  const onInsufficient = vi.fn<() => void>();
  const member = hub.join(CHANNEL, {
    codec: JSON_CODEC,
    sink: {
      push: (line, key) => {
        lines.push(line.toString());
        keys.push(key);
      },
    },
    ...(options.isPositioned === true && { onInsufficient }),
    ...(options.isDeltaStream === true && { isDeltaStream: true }),
  });
  return { hub, observer, member, lines, keys, onInsufficient };
}

function ordinary(offset: number, data = `"message ${offset}"`): BrokerPublication {
  const position = { offset, epoch: "e" };
  return { channel: CHANNEL, offset, position, timeMs: 0, data: Buffer.from(data), useDelta: true };
}

const passing = (text: string): BrokerPublication =>
  ephemeralOf({ channel: CHANNEL, key: "ann", data: Buffer.from(JSON.stringify(text)) });

test("[EPH1] an ephemeral publication is no hole, no duplicate and no new epoch, and who is not subscribed yet misses it", () => {
  const { hub, observer, member, lines, onInsufficient } = rig({ isPositioned: true });
  hub.deliver(passing("too early"));
  member.activate({ offset: 0, epoch: "e" });
  hub.deliver(passing("typing"));
  hub.deliver(ordinary(1));
  hub.deliver(passing("typing"));
  hub.deliver(passing("more"));
  hub.deliver(ordinary(2));
  expect(lines.map((line) => /typing|more|message \d/.exec(line)?.[0])).toEqual([
    "typing",
    "message 1",
    "typing",
    "more",
    "message 2",
  ]);
  for (const spy of [onInsufficient, observer.onGap, observer.onDuplicate]) expect(spy).not.toHaveBeenCalled();
});

test("[EPH1] it has no offset where others show theirs, and a key of its channel", () => {
  const { hub, member, lines, keys } = rig();
  member.activate();
  hub.deliver(passing("typing"));
  hub.deliver(ordinary(7));
  expect(lines[0]).toBe('{"push":{"channel":"chat","pub":{"data":"typing"}}}');
  expect(lines[1]).toContain('"offset":7');
  expect(keys).toEqual(["chat\nann", undefined]);
});

test("[EPH4] in a delta stream it comes whole, and so does the publication after it", () => {
  const { hub, member, lines } = rig({ isDeltaStream: true });
  member.activate();
  hub.deliver(ordinary(1));
  hub.deliver(ordinary(2));
  hub.deliver(passing("typing"));
  hub.deliver(ordinary(3));
  hub.deliver(ordinary(4));
  expect(lines.map((line) => line.includes("Δ"))).toEqual([false, true, false, false, true]);
});
