import {
  callApi,
  eventually,
  type RedisServer,
  type RunningGateway,
  startGateway,
  startRedis,
  startSentinelGroup,
} from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import type { Inboxes } from "../src/inbox/inboxes.ts";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { INBOX_CONFIG, InboxClient } from "./inbox-client.ts";
import { clientOf, openFailoverRig } from "./redis-failover.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const BOUNDS = { size: 1000, ttlMs: 60_000 };
const [META] = new RedisKeys("t:").inbox("ann");

async function openInboxes(url: string): Promise<Inboxes> {
  const inboxes = openRedisInboxes({ url, prefix: "t:", durability: () => "replicated", ...testRuntime() });
  onTestFinished(() => inboxes.close());
  inboxes.start();
  await reachable(inboxes);
  return inboxes;
}

async function read(inboxes: Inboxes): Promise<readonly string[]> {
  const { messages } = await inboxes.read({ user: "ann", group: "", after: { offset: 0, epoch: "" } });
  return messages.map(({ data }) => data.toString());
}

const reachable = (inboxes: Inboxes): Promise<unknown> => eventually("reachable", 15_000, () => read(inboxes));

const send = (inboxes: Inboxes, text: string): ReturnType<Inboxes["send"]> =>
  inboxes.send({ user: "ann", data: Buffer.from(text), idempotency: { key: text, ttlMs: 60_000 }, ...BOUNDS });

/** As a backend does that must be sure. */
async function sendUntilAccepted(inboxes: Inboxes, text: string): Promise<void> {
  await eventually(`${text} is accepted`, 15_000, () => send(inboxes, text));
}

test("[IBR7] replicated: a message is answered and read once the replicas have it, and is there after a failover", async () => {
  const rig = await openFailoverRig();
  const [here, there] = [await openInboxes(rig.url), await openInboxes(rig.url)];
  await sendUntilAccepted(here, "1");
  await sendUntilAccepted(here, "2");
  expect(await read(there)).toEqual(["1", "2"]);
  rig.lag(0);
  await expect(send(here, "on the primary only")).rejects.toThrow("a replica of Redis is missing");
  await expect(send(here, "on the primary only")).rejects.toThrow("a replica of Redis is missing");
  expect(await read(there)).toEqual(["1", "2"]);
  await rig.failOver(0);
  await reachable(here);
  await sendUntilAccepted(here, "3");
  await reachable(there);
  expect(await read(there)).toEqual(["1", "2", "3"]);
});

test("[IBR8] replicated: where there is no replica messages are sent as with fast", async () => {
  const redis: RedisServer = await startRedis();
  const inboxes = await openInboxes(redis.url);
  await send(inboxes, "1");
  expect(await read(inboxes)).toEqual(["1"]);
});

test("[IBR9] what an earlier run of Redis has left is read, also where the word that it may be is lost", async () => {
  const redis = await startRedis({ persistent: true });
  const inboxes = await openInboxes(redis.url);
  for (const text of ["1", "2", "3"]) await send(inboxes, text);
  // As after a failover to a replica that lacked the last write.
  await clientOf(redis).hset(META, "c", "1");
  expect(await read(inboxes)).toEqual(["1"]);
  await redis.kill();
  await redis.start();
  await reachable(inboxes);
  expect(await read(inboxes)).toEqual(["1", "2", "3"]);
});

async function sendOver(gateway: RunningGateway, data: number): Promise<boolean> {
  const answer = await callApi(gateway, "inbox/send", { user: "ann", data, idempotency_key: `m${data}` });
  const { error } = answer as { readonly error?: { readonly code: number } };
  expect([undefined, 100]).toContain(error?.code);
  return error === undefined;
}

test("[IBR7] replicated: Sentinel promotes a replica that lags: no acknowledged message is lost, each arrives once and in order", async () => {
  const group = await startSentinelGroup({ canLag: true });
  const { sentinels, masterName } = group;
  const config = {
    ...INBOX_CONFIG,
    broker: { type: "redis", mode: "sentinel", sentinels, masterName, durability: "replicated" },
  } as const;
  const [one, two] = [await startGateway({ config }), await startGateway({ config })];
  for (const gateway of [one, two]) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const ann = await eventually("connected", 10_000, () => InboxClient.connect(two, "ann"));
  onTestFinished(() => ann[Symbol.asyncDispose]());
  const acknowledged: number[] = [];
  const end = new AbortController();
  let refused = 0;
  // In order, one at a time; what is refused is not sent again.
  const sending = (async (): Promise<void> => {
    for (let data = 1; !end.signal.aborted; data += 1) {
      if (await sendOver(one, data)) acknowledged.push(data);
      else {
        refused += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  })();
  await eventually("traffic", 20_000, () => acknowledged.length > 100);
  const former = await group.primary();
  group.lag();
  await eventually("the replicas are waited for", 10_000, () => refused > 2);
  await former.kill();
  await group.promoted(former);
  const before = acknowledged.length;
  await eventually("traffic again", 30_000, () => acknowledged.length > before + 50);
  end.abort();
  await sending;
  await eventually("all are there", 15_000, () => ann.payloads.includes(acknowledged.at(-1)));
  const arrived = ann.payloads as readonly number[];
  expect(acknowledged.filter((data) => !arrived.includes(data))).toEqual([]);
  expect(arrived).toEqual([...new Set(arrived)].toSorted((a, b) => a - b));
  console.log(`${acknowledged.length} acknowledged, ${refused} refused, ${arrived.length} arrived`);
}, 60_000);
