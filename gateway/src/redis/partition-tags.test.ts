import { expect, test } from "vitest";
import { keySlot, SLOT_COUNT } from "./key-slot.ts";
import { PARTITION_COUNT, PARTITION_TAGS } from "./partition-tags.ts";
import { partitionOf, RedisKeys } from "./redis-keys.ts";

/** First and last slot of each primary, as `redis-cli --cluster create` deals them (clusterManagerCommandCreate). */
function dealtSlots(primaries: number): readonly (readonly [number, number])[] {
  const perNode = SLOT_COUNT / primaries;
  let first = 0;
  return Array.from({ length: primaries }, (_, index) => {
    const last = index === primaries - 1 ? SLOT_COUNT - 1 : Math.round(index * perNode + perNode - 1);
    const dealt = [first, last] as const;
    first = last + 1;
    return dealt;
  });
}

function countPerNode(slots: Iterable<number>, primaries: number): readonly number[] {
  const dealt = dealtSlots(primaries);
  const counts = dealt.map(() => 0);
  for (const slot of slots) {
    const node = dealt.findIndex(([first, last]) => slot >= first && slot <= last);
    counts[node] = (counts[node] ?? 0) + 1;
  }
  return counts;
}

const SHARDS = [{ shards: 3 }, { shards: 6 }, { shards: 12 }];

test("[KEY1] the slot of a key is the one that Redis computes", () => {
  // From the Redis Cluster specification and CLUSTER KEYSLOT of Redis 7.0.15.
  expect(keySlot("123456789")).toBe(0x31c3);
  expect(keySlot("foo")).toBe(12_182);
  expect(keySlot("{user1000}.following")).toBe(keySlot("{user1000}.followers"));
  expect(keySlot("foo{}{bar}")).toBe(8_363);
  expect(keySlot("foo{{bar}}zap")).toBe(keySlot("{bar"));
});

test("[KEY2] the table of tags is the one that its rule gives", () => {
  const wanted = new Map(
    Array.from({ length: 240 }, (_, index) => [Math.floor(((index + 0.5) * SLOT_COUNT) / 240), index]),
  );
  const tags: string[] = [];
  for (let candidate = 0; wanted.size > 0; candidate += 1) {
    const tag = candidate.toString(36);
    const slot = keySlot(tag);
    const index = wanted.get(slot);
    if (index === undefined) continue;
    tags[index] = tag;
    wanted.delete(slot);
  }
  expect(PARTITION_TAGS).toEqual(tags);
  expect(PARTITION_COUNT).toBe(240);
});

test.for(SHARDS)("[KEY3] $shards shards hold the same number of partitions", ({ shards }) => {
  const counts = countPerNode(
    PARTITION_TAGS.map((tag) => keySlot(`{${tag}}`)),
    shards,
  );
  expect(new Set(counts)).toEqual(new Set([240 / shards]));
});

test.for(SHARDS)("[KEY3] a million channels lie on $shards shards with max/min at most 1.1", ({ shards }) => {
  const perPartition = PARTITION_TAGS.map(() => 0);
  for (let index = 0; index < 1_000_000; index += 1) {
    const partition = partitionOf(index % 2 === 0 ? `chat:room-${index}` : `user:#${index.toString(16)}`);
    perPartition[partition] = (perPartition[partition] ?? 0) + 1;
  }
  const slots = PARTITION_TAGS.map((tag) => keySlot(`{${tag}}`));
  const perNode = dealtSlots(shards).map(([first, last]) =>
    perPartition.reduce(
      (sum, count, partition) =>
        (slots[partition] ?? -1) >= first && (slots[partition] ?? -1) <= last ? sum + count : sum,
      0,
    ),
  );
  expect(Math.max(...perNode) / Math.min(...perNode)).toBeLessThanOrEqual(1.1);
});

test("[KEY4] every key and pub/sub channel of one channel is in one slot, whatever its name", () => {
  const keys = new RedisKeys("team-a:");
  for (const channel of ["news", "a}b{c", "{x}", "", "grüße 👋"]) {
    const names = [
      keys.partitionTerm(channel),
      keys.channelMeta(channel),
      keys.stream(channel),
      keys.idempotency(channel, "k}{x"),
      ...keys.presence(channel),
      keys.publications(channel),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(names.map(keySlot)).size).toBe(1);
    expect(RedisKeys.channelOf(keys.publications(channel))).toBe(channel);
  }
  expect(new Set([keys.pods, keys.dead, keys.calm, keys.sweep].map(keySlot)).size).toBe(1);
});

test("[KEY5] a name's partition never changes, and a prefix cannot move it", () => {
  expect(["news", "chat:1", "", "grüße 👋"].map(partitionOf)).toEqual([
    PARTITIONS.news,
    PARTITIONS.chat,
    PARTITIONS.empty,
    PARTITIONS.greeting,
  ]);
  expect(() => new RedisKeys("a{b}")).toThrow("prefix");
});

/** CRC-32 modulo 240, computed with Python's zlib.crc32. */
const PARTITIONS = { news: 128, chat: 114, empty: 0, greeting: 164 };
