import { readFileSync } from "node:fs";
import { openRedisBroker, openRedisRegistry } from "@belay/gateway/internal";
import { BrokerNode, eventually, type RedisServer, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** How far Redis may be from what docs/redis.md says, either way: its tables grow by doubling. */
const TOLERANCE = 0.25;
const PREFIX = "belay:";
const TTL_MS = 3_600_000;
const DATA = Buffer.alloc(130, "d");
const INFO = Buffer.alloc(130, "i");

/** What each thing costs by the table "Memory" in docs/redis.md, bytes: row → cost. */
function documentedBytes(): ReadonlyMap<string, number> {
  const page = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8");
  const section = page.split("\n## Memory\n")[1]?.split("\n## ")[0] ?? "";
  const rows = section.matchAll(/^\| (?<thing>[a-z ,]+) \| (?<bytes>[\d,]+)/gm);
  return new Map(
    Array.from(rows, ({ groups }) => [groups?.["thing"] ?? "", Number(groups?.["bytes"]?.replaceAll(",", ""))]),
  );
}

let documented: ReadonlyMap<string, number>;
beforeAll(() => void (documented = documentedBytes()));

/** Bytes of INFO used_memory that `work` adds to a Redis which has all its scripts and connections already. */
async function measured(admin: Redis, work: () => Promise<void>): Promise<number> {
  const usedBytes = async (): Promise<number> =>
    Number(/used_memory:(?<bytes>\d+)/.exec(await admin.info("memory"))?.groups?.["bytes"]);
  const before = await usedBytes();
  await work();
  // Buffers of connections that were used a moment ago are given back by the server's own clock.
  let last = -1;
  await eventually("memory is steady", 15_000, async () => {
    const now = await usedBytes();
    const isSteady = now === last;
    last = now;
    return isSteady || undefined;
  });
  return last - before;
}

async function openAdmin(): Promise<{ readonly redis: RedisServer; readonly admin: Redis }> {
  const redis = await startRedis();
  const admin = new Redis(redis.url);
  onTestFinished(() => admin.disconnect());
  return { redis, admin };
}

/** `count` times `work`, some at once. */
async function times(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done += 500)
    await Promise.all(Array.from({ length: Math.min(500, count - done) }, (_, index) => work(done + index)));
}

/** What Redis took, as a multiple of what the model says. */
function againstModel(
  bytes: number,
  parts: readonly (readonly [thing: string, count: number, dataBytes?: number])[],
): number {
  let model = 0;
  for (const [thing, count, dataBytes = 0] of parts) {
    const cost = documented.get(thing);
    if (cost === undefined) throw new Error(`docs/redis.md does not say what "${thing}" costs`);
    model += count * (cost + dataBytes);
  }
  console.log(`${parts.map(([thing]) => thing).join(", ")}: INFO ${bytes} B, model ${model} B`);
  return bytes / model;
}

const room = (index: number): string => `room-${String(index).padStart(10, "0")}`;

const isNear = (multiple: number): boolean => Math.abs(multiple - 1) <= TOLERANCE;

test("[KEY6] channels, publications, idempotency keys and members take what the memory model says", async () => {
  const { redis, admin } = await openAdmin();
  const broker = openRedisBroker({ url: redis.url, prefix: PREFIX, nodeId: "n", ...testRuntime() });
  onTestFinished(() => broker.close());
  await new BrokerNode(broker).start();
  const history = { size: 100, ttlMs: TTL_MS };
  // Partitions exist once, however many channels there are.
  await times(2_000, (index) => broker.publish({ channel: `warm-${index}`, data: DATA, history }));

  const bare = await measured(admin, () =>
    times(4_000, (index) => broker.publish({ channel: `bare-${room(index)}`, data: DATA })),
  );
  expect(againstModel(bare, [["channel", 4_000]])).toSatisfy(isNear);

  const stored = await measured(admin, () =>
    times(20_000, (index) => broker.publish({ channel: room(index % 400), data: DATA, history })),
  );
  expect(
    againstModel(stored, [
      ["channel", 400],
      ["history of a channel", 400],
      ["publication kept", 20_000, DATA.length],
    ]),
  ).toSatisfy(isNear);

  const keyed = await measured(admin, () =>
    times(4_000, (index) =>
      broker.publish({
        channel: "keyed",
        data: DATA,
        idempotency: { key: `${room(index)}-0123456789`, ttlMs: TTL_MS },
      }),
    ),
  );
  expect(againstModel(keyed, [["idempotency key", 4_000]])).toSatisfy(isNear);

  const members = await measured(admin, () =>
    times(8_000, (index) =>
      broker.addPresence(
        room(index % 8),
        { client: `0199a5c1-7d1b-7000-8000-${String(index).padStart(12, "0")}`, user: `user-${index}`, info: INFO },
        TTL_MS,
      ),
    ),
  );
  expect(againstModel(members, [["member of a channel", 8_000, INFO.length]])).toSatisfy(isNear);
}, 60_000);

test("[KEY6] connections and inboxes take what the memory model says", async () => {
  const { redis, admin } = await openAdmin();
  const registry = openRedisRegistry({
    url: redis.url,
    prefix: PREFIX,
    podUid: "0199a5c1-7d1b-7000-8000-0123456789ab",
    revision: "r",
    ...testRuntime(),
  });
  onTestFinished(() => registry.close());
  await registry.start();
  const connections = await measured(admin, async () => {
    for (let index = 0; index < 10_000; index += 1)
      void registry.add({
        user: `user-${index}`,
        client: `0199a5c1-7d1b-7000-8000-${String(index).padStart(12, "0")}`,
      });
    await registry.flush(10_000);
  });
  expect(againstModel(connections, [["connection", 10_000]])).toSatisfy(isNear);

  const inboxes = openRedisInboxes({ url: redis.url, prefix: PREFIX, ...testRuntime(), onMalformed: () => undefined });
  onTestFinished(() => inboxes.close());
  inboxes.start();
  const send = (index: number): Promise<unknown> =>
    inboxes.send({ user: `user-${index % 1_000}`, data: DATA, size: 100, ttlMs: TTL_MS });
  await eventually("inboxes are reachable", 15_000, () =>
    send(0).then(
      () => true,
      () => false,
    ),
  );
  const mail = await measured(admin, () => times(20_000, send));
  expect(
    againstModel(mail, [
      ["inbox", 1_000],
      ["message in an inbox", 20_000, DATA.length],
    ]),
  ).toSatisfy(isNear);
}, 60_000);
