import { callApi, eventually, startGateway, startGatewayProcess, startRedis, TestClient } from "@belay/testkit";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";

/** The documented times, five times faster. */
const LEASE = { beatIntervalMs: 600, deadAfterMs: 2_000, awayAfterMs: 1_200, graceMs: 2_400 };
const ALLOW = { subscribe: "anonymous", presence: "anonymous" } as const;
const ROOMS = 20;
const SOCKETS = 1_000;

const config = {
  channels: { namespaces: [{ name: "room", presence: true, joinLeave: "OnRequest", allow: ALLOW }] },
} as const;

async function inBatches(count: number, work: (index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - from) }, (_, index) => work(from + index)));
  }
}

test("[RG16] a gateway killed with 1,000 sockets leaves no ghosts in presence and registry, and who listens is told of each once", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const shared = { redisUrl: redis.url, leaseTiming: LEASE, config };
  await using survivor = await startGateway({ ...shared, podUid: "survivor" });
  await using victim = await startGatewayProcess({ ...shared, podUid: "victim" });
  await using listener = await TestClient.connect(survivor.url);
  await listener.call({ subscribe: { channel: "room:0", join_leave: true } });
  const opened: TestClient[] = [];
  onTestFinished(() => opened.forEach((one) => one.socket.terminate()));
  const secret = new TextEncoder().encode(victim.hmacSecret);
  await inBatches(SOCKETS, async (index) => {
    const token = await new SignJWT({ sub: `user-${index % 200}` }).setProtectedHeader({ alg: "HS256" }).sign(secret);
    const one = await TestClient.connect(victim.url, token);
    opened.push(one);
    await one.call({ subscribe: { channel: `room:${index % ROOMS}` } });
  });
  const room = async (): Promise<unknown> => callApi(survivor, "presence_stats", { channel: "room:0" });
  expect(await room()).toEqual({ result: { num_clients: SOCKETS / ROOMS + 1, num_users: 11 } });
  expect(await client.keys("test:*p:victim:*:ch")).not.toEqual([]);
  await eventually("the grace is over", 10_000, async () => (await client.get("test:{L}:calm")) === null);
  victim.process.kill("SIGKILL");
  await eventually("swept", 15_000, async () => {
    const left = await client.keys("test:*p:victim:*");
    return left.length === 0 && !(await client.exists("test:{L}:dead"));
  });
  expect(await room()).toEqual({ result: { num_clients: 1, num_users: 1 } });
  for (let index = 1; index < ROOMS; index += 1) {
    expect(await callApi(survivor, "presence", { channel: `room:${index}` })).toEqual({ result: { presence: {} } });
  }
  const users = await Promise.all((await client.keys("test:*}u:user-*")).map((key) => client.hlen(key)));
  expect(users).toEqual([]);
  const leaves = listener.received.filter(({ push }) => push !== undefined && "leave" in push);
  expect(leaves).toHaveLength(SOCKETS / ROOMS);
}, 40_000);
