import { openRedisBroker } from "@belay/gateway/internal";
import { BrokerNode, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import type { PresenceMember } from "../src/broker/broker.ts";
import { PresenceKeeper, RENEW_TURNS } from "../src/presence/presence-keeper.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const MEMBERS = 4 * RENEW_TURNS;
const ROOMS = Array.from({ length: 7 }, (_, n) => `room-${n}`);
const TTL_MS = 60_000;

function member(n: number): PresenceMember {
  return { client: `c${n}`, user: "u", info: Buffer.alloc(0) };
}

test("[BR75] members are added again evenly over a round: those of one turn are few, and none is left out", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const runtime = testRuntime();
  const node = new BrokerNode(openRedisBroker({ ...runtime, prefix: "t:", nodeId: "n", url: redis.url }));
  onTestFinished(() => node.broker.close());
  await node.start();
  const keeper = new PresenceKeeper(node.broker, runtime.log);
  const changes = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);

  await Promise.all(Array.from({ length: MEMBERS }, (_, n) => keeper.add(ROOMS[n % ROOMS.length] ?? "", member(n))));
  const before = await changes();
  for (let turn = 0; turn < RENEW_TURNS; turn += 1) {
    await keeper.turn();
    expect((await changes()) - before).toBe((turn + 1) * 4);
  }

  for (let n = 0; n < MEMBERS; n += 2) keeper.remove(ROOMS[n % ROOMS.length] ?? "", `c${n}`);
  await keeper.turn();
  const [seconds, micros] = await client.time();
  const expiry = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) + TTL_MS;
  for (let turn = 0; turn < RENEW_TURNS; turn += 1) await keeper.turn();
  const keys = ROOMS.map((room) => new RedisKeys("t:").presence(room)[1] ?? "");
  const all = await Promise.all(keys.map((key) => client.zcard(key)));
  const renewed = await Promise.all(keys.map((key) => client.zcount(key, expiry, "+inf")));
  expect(all.reduce((sum, count) => sum + count, 0)).toBe(MEMBERS / 2);
  expect(renewed).toEqual(all);
});
