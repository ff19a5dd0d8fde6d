import { expect, test } from "vitest";
import { Subscriptions } from "./subscriptions.ts";

/** Hears of a channel what it was told last. */
function brokerOf(): {
  readonly heard: Set<string>;
  subscribe(c: string): Promise<void>;
  unsubscribe(c: string): Promise<void>;
} {
  const heard = new Set<string>();
  return {
    heard,
    subscribe: async (channel) => void heard.add(channel),
    unsubscribe: async (channel) => void heard.delete(channel),
  };
}

test.each(Array.from({ length: 12 }, (_, turns) => turns))(
  "[SUB1] who comes %i turns after the last one left hears the channel",
  async (turns) => {
    const broker = brokerOf();
    const subscriptions = new Subscriptions(broker);
    await subscriptions.hold("news");
    subscriptions.release("news");
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    await subscriptions.hold("news");
    expect(broker.heard).toEqual(new Set(["news"]));
    expect(subscriptions.size).toBe(1);
    subscriptions.release("news");
    await new Promise((resolve) => setImmediate(resolve));
    expect([broker.heard.size, subscriptions.size]).toEqual([0, 0]);
  },
);
