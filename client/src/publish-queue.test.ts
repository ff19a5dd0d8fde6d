import { expect, test } from "vitest";
import { PublishQueue, type QueuedPublish } from "./publish-queue.ts";

const limits = { maxCount: 3, maxBytes: 100, maxAgeMs: 1000 };
const one = { name: "one" };
const two = { name: "two" };

function publish(key: string, channel = "a", bytes = 10): QueuedPublish {
  return { key, channel, bytes, data: key, queuedMs: 0, maxAgeMs: 1000 };
}

function keys(publishes: readonly QueuedPublish[]): readonly string[] {
  return publishes.map(({ key }) => key);
}

function filled(...publishes: readonly QueuedPublish[]): PublishQueue {
  const queue = new PublishQueue(limits);
  for (const each of publishes) queue.add(each);
  return queue;
}

test("[SDK40] what waits is bounded by count and bytes; what is under way is not counted", () => {
  const queue = filled(publish("1"), publish("2", "a", 70));
  expect([queue.hasRoomFor(20), queue.hasRoomFor(21)]).toEqual([true, false]);
  queue.add(publish("3", "a", 1));
  expect(queue.hasRoomFor(1)).toBe(false);
  queue.take(one, 0);
  expect(queue.waiting).toEqual({ count: 0, bytes: 0 });
  queue.putBack("2", 0);
  expect(queue.waiting).toEqual({ count: 1, bytes: 70 });
  queue.settle("2");
  expect(queue.waiting).toEqual({ count: 0, bytes: 0 });
});

test("[SDK41] within a channel nothing overtakes: neither a retry, nor what is under way on another connection", () => {
  const queue = filled(publish("1"), publish("2"), publish("3", "b"));
  expect(keys(queue.take(one, 0))).toEqual(["1", "2", "3"]);
  queue.add(publish("4"));
  queue.add(publish("5", "c"));
  expect(keys(queue.take(two, 0))).toEqual(["5"]);
  queue.settle("1");
  queue.putBack("2", 500);
  expect(keys(queue.take(two, 499))).toEqual([]);
  expect(queue.nextMs(499)).toBe(500);
  expect(keys(queue.take(two, 500))).toEqual(["2", "4"]);
});

test("[SDK45] a refusal because of too many holds everything behind it, in all channels", () => {
  const queue = filled(publish("1"), publish("2", "b"));
  queue.take(one, 0);
  queue.add(publish("3", "c"));
  queue.putBack("2", 500, true);
  expect(keys(queue.take(one, 499))).toEqual([]);
  expect(queue.nextMs(499)).toBe(500);
  expect(keys(queue.take(one, 500))).toEqual(["2", "3"]);
});

test("[SDK45] so many are under way on a connection at most, and the next leaves with an answer", () => {
  const queue = filled(...Array.from({ length: 20 }, (_, index) => publish(String(index), `channel ${index}`)));
  expect(queue.take(one, 0)).toHaveLength(16);
  expect(queue.take(one, 0)).toEqual([]);
  queue.settle("3");
  expect(keys(queue.take(one, 0))).toEqual(["16"]);
  expect(keys(queue.take(two, 0))).toEqual(["17", "18", "19"]);
});

test("[SDK42] what waited for too long is given up, and so is a repeat that the server may not know any more", () => {
  const queue = filled(publish("1"), { ...publish("2"), maxAgeMs: 10_000_000 });
  expect(queue.expired(999)).toEqual([]);
  expect(queue.expired(1000)).toEqual([{ publish: publish("1"), wasSent: false }]);
  queue.take(one, 2000);
  expect(queue.nextMs(2000)).toBe(Infinity);
  expect(queue.expired(1_000_000)).toEqual([]);
  queue.putBack("2", 0);
  expect(queue.expired(241_999)).toEqual([]);
  expect(queue.expired(242_000)).toMatchObject([{ wasSent: true }]);
  expect(queue.size).toBe(0);
});

test("[SDK43] what was sent once is taken out where it cannot be repeated", () => {
  const queue = filled(publish("1"), publish("2", "b"));
  queue.take(one, 0);
  queue.add(publish("3"));
  queue.putBack("1", 0);
  expect(queue.unrepeatable()).toEqual([{ publish: publish("1"), wasSent: true }]);
  expect(queue.size).toBe(2);
});

test("[SDK44] the newest publish takes the place of what waits for its channel and was never sent", () => {
  const queue = filled(publish("1"), publish("2"), publish("3", "b"));
  expect(keys(queue.replace("a").map((replaced) => replaced.publish))).toEqual(["1", "2"]);
  expect(queue.waiting.count).toBe(1);
});
