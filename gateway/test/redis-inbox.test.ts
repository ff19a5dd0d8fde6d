import { eventually, type RedisServer, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import type { Inboxes, InboxMessage } from "../src/inbox/inboxes.ts";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const BOUNDS = { size: 1000, ttlMs: 60_000 };
const NOWHERE = { offset: 0, epoch: "" };
const [META, STREAM] = new RedisKeys("t:").inbox("ann");

interface Rig {
  readonly redis: RedisServer;
  readonly inboxes: Inboxes;
  readonly admin: Redis;
  readonly malformed: () => number;
}

async function rig(persistent = false): Promise<Rig> {
  const redis = await startRedis({ persistent });
  let malformed = 0;
  const inboxes = openRedisInboxes({
    url: redis.url,
    prefix: "t:",
    ...testRuntime(),
    onMalformed: () => (malformed += 1),
  });
  const admin = new Redis(redis.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  admin.on("error", () => undefined);
  onTestFinished(() => {
    inboxes.close();
    admin.disconnect();
  });
  inboxes.start();
  await reachable(inboxes);
  return { redis, inboxes, admin, malformed: () => malformed };
}

const reachable = (inboxes: Inboxes): Promise<unknown> =>
  eventually("reachable", 15_000, () =>
    inboxes.read({ user: "ann", group: "", after: NOWHERE }).then(
      () => true,
      () => false,
    ),
  );

const send = (inboxes: Inboxes, text: string): ReturnType<Inboxes["send"]> =>
  inboxes.send({ user: "ann", data: Buffer.from(text), ...BOUNDS });

async function read(inboxes: Inboxes, after = NOWHERE): Promise<readonly InboxMessage[]> {
  return (await inboxes.read({ user: "ann", group: "", after })).messages;
}

const shown = (messages: readonly InboxMessage[]): readonly string[] => messages.map(({ data }) => data.toString());

test("[IBR1] keys and values are as documented, and end by themselves", async () => {
  const { inboxes, admin } = await rig();
  const { position } = await inboxes.send({
    user: "ann",
    data: Buffer.from("1"),
    tags: { a: "b" },
    idempotency: { key: "k", ttlMs: 5000 },
    ...BOUNDS,
  });
  await inboxes.open({ user: "ann", group: "phone", bounds: BOUNDS });
  const key = new RedisKeys("t:").inboxIdempotency("ann", "k");
  expect((await admin.keys("*")).toSorted()).toEqual([META, STREAM, key].toSorted());
  const meta = await admin.hgetall(META);
  expect(meta).toMatchObject({ e: position.epoch, o: "1" });
  expect(meta["g:phone"]).toMatch(/^0 \d{13}$/);
  const [entry] = await admin.xrange(STREAM, "-", "+");
  expect(entry?.[0]).toBe("1-0");
  expect(entry?.[1].filter((_, index) => index % 2 === 0)).toEqual(["e", "x", "t", "p", "g"]);
  expect(await admin.get(key)).toBe(`1:${position.epoch}`);
  for (const each of [META, STREAM, key]) expect(await admin.pttl(each)).toBeGreaterThan(0);
  expect(await admin.pttl(META)).toBeGreaterThan(await admin.pttl(STREAM));
});

test("[IBR2] a restart loses nothing that the append-only file has; messages go on in a new epoch, behind the old ones", async () => {
  const { redis, inboxes } = await rig(true);
  const { position } = await inboxes.open({ user: "ann", group: "", bounds: BOUNDS });
  for (const text of ["1", "2", "3"]) await send(inboxes, text);
  await inboxes.ack({ user: "ann", group: "", position: { ...position, offset: 1 }, bounds: BOUNDS });
  await redis.kill();
  await expect(send(inboxes, "refused")).rejects.toThrow("Redis");
  await redis.start();
  await reachable(inboxes);
  const fourth = await send(inboxes, "4");
  expect(fourth.position.offset).toBe(4);
  expect(fourth.position.epoch).not.toBe(position.epoch);
  // The reader goes on from where it was, over the change of the epoch.
  expect(shown(await read(inboxes, { ...position, offset: 2 }))).toEqual(["3", "4"]);
  const opened = await inboxes.open({ user: "ann", group: "", bounds: BOUNDS, since: { ...position, offset: 3 } });
  expect([opened.position.offset, opened.isSinceKnown]).toEqual([3, true]);
  // And an acknowledgement in the old epoch still counts, for what is of it.
  const acked = await inboxes.ack({ user: "ann", group: "", position: { ...position, offset: 3 }, bounds: BOUNDS });
  expect(acked).toEqual({ offset: 3, removed: 2 });
});

test("[IBR3] an offset that Redis gives out twice is of another epoch: nothing is taken for what it is not", async () => {
  const { redis, inboxes, admin } = await rig(true);
  const { position } = await inboxes.open({ user: "ann", group: "", bounds: BOUNDS });
  for (const text of ["1", "2", "lost"]) await send(inboxes, text);
  // As after a failover to a replica that lacked the newest message.
  await admin.xdel(STREAM, "3-0");
  await admin.xsetid(STREAM, "2-0");
  await admin.hset(META, "o", "2");
  await redis.kill();
  await redis.start();
  await reachable(inboxes);
  const again = await send(inboxes, "other");
  expect(again.position.offset).toBe(3);
  // A client that has seen the lost one acknowledges it: the other one stays.
  const lost = { ...position, offset: 3 };
  expect((await inboxes.ack({ user: "ann", group: "", position: lost, bounds: BOUNDS })).offset).toBeLessThan(3);
  expect(shown(await read(inboxes, lost))).toContain("other");
  const opened = await inboxes.open({ user: "ann", group: "", bounds: BOUNDS, since: lost });
  expect(shown(await read(inboxes, opened.position))).toContain("other");
});

test.each([
  ["hash", ["1", "2"]],
  ["stream", []],
  ["both", []],
] as const)(
  "[IBR4] an inbox that lost its %s goes on, and a reader of the old one misses nothing new",
  async (lost, kept) => {
    const { inboxes, admin } = await rig();
    for (const text of ["1", "2"]) await send(inboxes, text);
    const { position } = await inboxes.open({ user: "ann", group: "", bounds: BOUNDS });
    const place = { epoch: position.epoch, offset: 2 };
    if (lost !== "stream") await admin.del(META);
    if (lost !== "hash") await admin.del(STREAM);
    expect(shown(await read(inboxes))).toEqual(kept);
    await send(inboxes, "new");
    expect(shown(await read(inboxes, place)).at(-1)).toBe("new");
    const [first] = await read(inboxes);
    const acked = await inboxes.ack({ user: "ann", group: "", position: first?.position ?? NOWHERE, bounds: BOUNDS });
    expect(acked.removed).toBe(1);
  },
);

test("[IBR5] an entry that no node of ours can have written is left out and counted", async () => {
  const { inboxes, admin, malformed } = await rig();
  await send(inboxes, "1");
  await admin.xadd(STREAM, "2-0", "e", "x", "x", "9999999999999", "p", "no time");
  await admin.hset(META, "o", "2");
  await send(inboxes, "3");
  expect(shown(await read(inboxes))).toEqual(["1", "3"]);
  expect(malformed()).toBe(1);
});

test("[IBR6] while Redis is away or hangs everything is refused in bounded time; forgotten scripts are sent again", async () => {
  const { redis, inboxes, admin } = await rig();
  await send(inboxes, "1");
  await admin.script("FLUSH");
  await send(inboxes, "2");
  redis.pause();
  const startMs = performance.now();
  await expect(send(inboxes, "3")).rejects.toThrow("Redis");
  await expect(read(inboxes)).rejects.toThrow("Redis");
  expect(performance.now() - startMs).toBeLessThan(10_000);
  redis.resume();
  await reachable(inboxes);
  await send(inboxes, "4");
  expect(shown(await read(inboxes)).at(-1)).toBe("4");
});
