import {
  type Contest,
  openRedisBroker,
  openRedisRegistry,
  type Registry,
  type RegistryEntry,
} from "@belay/gateway/internal";
import { eventually, type RunningGateway, startGateway, startRedis, TestClient } from "@belay/testkit";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { testRuntime } from "./redis-test-runtime.ts";

const LEASE = { beatIntervalMs: 100, deadAfterMs: 1_000, awayAfterMs: 60_000, graceMs: 100 };

function openClient(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}

function ignore(): void {
  // Only the sending side of the broker is of interest.
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

interface Pod {
  readonly registry: Registry;
  readonly superseded: RegistryEntry[];
  readonly takenOver: [Contest, string][];
}

async function openPod(url: string, podUid: string): Promise<Pod> {
  const shared = { url, prefix: "test:", podUid, revision: "r", timing: LEASE };
  const registry = openRedisRegistry({ ...shared, ...testRuntime() });
  onTestFinished(() => registry.close());
  const superseded: RegistryEntry[] = [];
  const takenOver: [Contest, string][] = [];
  await registry.start({
    onSuperseded: (entry) => void superseded.push(entry),
    onTakenOver: (contest, former) => void takenOver.push([contest, former]),
  });
  return { registry, superseded, takenOver };
}

async function connectAs(gateway: RunningGateway, user: string): Promise<{ client: TestClient; id: string }> {
  const secret = new TextEncoder().encode(gateway.hmacSecret);
  const token = await new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const client = await TestClient.open(gateway.url);
  onTestFinished(() => client[Symbol.asyncDispose]());
  const reply = await client.call({ connect: { token } });
  return { client, id: String(reply.connect?.["client"]) };
}

test("[RG21] of two pods that hold one client the newer lease wins; the older one is not written back and removes nothing", async () => {
  const redis = await startRedis();
  const [older, newer] = [await openPod(redis.url, "older"), await openPod(redis.url, "newer")];
  const entry = { user: "ann", client: "c1" };
  void older.registry.add(entry);
  await older.registry.flush(5_000);
  void newer.registry.add(entry);
  await newer.registry.flush(5_000);
  const winner = newer.registry.lease;
  expect(newer.takenOver).toEqual([[{ ...entry, winner }, "older"]]);
  older.registry.remove(entry);
  void older.registry.add(entry);
  await older.registry.flush(5_000);
  expect(older.superseded.map(({ user, client }) => ({ user, client }))).toEqual([entry]);
  older.registry.remove(entry);
  await older.registry.flush(5_000);
  expect(await older.registry.owners("ann")).toEqual([{ client: "c1", podUid: "newer" }]);
});

test("[RG21] the older owner closes the client with 3011, whether it is told or finds out itself; others of the user stay", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  await using gateway = await startGateway({ redisUrl: redis.url, podUid: "older", leaseTiming: LEASE });
  const [told, finds, stays] = [
    await connectAs(gateway, "ann"),
    await connectAs(gateway, "ann"),
    await connectAs(gateway, "ann"),
  ];
  const broker = openRedisBroker({ url: redis.url, prefix: "test:", nodeId: "newer", ...testRuntime() });
  onTestFinished(() => broker.close());
  const events = { onPublication: ignore, onPresenceEvent: ignore, onNodeMessage: ignore, onConnected: ignore };
  await broker.start(events);
  const say = (id: string, term: string): Promise<void> =>
    broker.sendToNode(
      "older",
      Buffer.from(JSON.stringify({ kind: "taken-over", from: "newer", body: { user: "ann", client: id, term } })),
    );
  // What an older owner says is out of date.
  await say(stays.id, "1");
  await say(told.id, "9000000000000");
  expect(await told.client.closed).toEqual({ code: 3011, reason: "connection moved" });
  const [key = ""] = await client.keys("test:*}u:ann");
  await client.hset(key, finds.id, "newer 9000000000000 1 - 0");
  // The pod writes everything again.
  await client.hdel("test:{L}:pods", "older");
  expect((await finds.client.closed).code).toBe(3011);
  expect(stays.client.socket.readyState).toBe(1);
  await eventually("the winner's entry stands", 5_000, async () =>
    (await client.hget(key, finds.id))?.startsWith("newer"),
  );
});

test("[RG22] a handshake costs at most two scripts and no timer of its own", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  await using gateway = await startGateway({
    redisUrl: redis.url,
    podUid: "pod",
    config: { limits: { maxConnectionsPerUser: 5 } },
  });
  const scripts = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
  await connectAs(gateway, "first");
  const [scriptsBefore, timersBefore] = [await scripts(), timers()];
  const count = 300;
  for (let from = 0; from < count; from += 50)
    await Promise.all(Array.from({ length: 50 }, (_, n) => connectAs(gateway, `user-${(from + n) % 60}`)));
  const perHandshake = ((await scripts()) - scriptsBefore) / count;
  console.log(`${perHandshake.toFixed(2)} scripts a handshake, ${timers() - timersBefore} timers more for ${count}`);
  expect(perHandshake).toBeLessThanOrEqual(2);
  expect(perHandshake).toBeGreaterThanOrEqual(1);
  expect(timers() - timersBefore).toBeLessThan(count / 10);
});
