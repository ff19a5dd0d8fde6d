import { callApi, eventually, startGateway, startRedis, TcpProxy, TestClient } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

/** The documented times, five times faster. */
const LEASE = { beatIntervalMs: 600, deadAfterMs: 2_000, awayAfterMs: 1_200, graceMs: 2_400 };
const ALLOW = { subscribe: "anonymous" } as const;
const config = { channels: { namespaces: [{ name: "room", presence: true, allow: ALLOW }] } } as const;

test("[RG23] a pod cut off from Redis says in /readyz that its lease ended, keeps its sockets, and is whole again when it is back", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const proxy = await TcpProxy.start(redis.port);
  const shared = { leaseTiming: LEASE, config };
  await using survivor = await startGateway({ ...shared, redisUrl: redis.url, podUid: "survivor" });
  await using island = await startGateway({ ...shared, redisUrl: `redis://127.0.0.1:${proxy.port}`, podUid: "island" });
  const sockets = await Promise.all(Array.from({ length: 50 }, () => TestClient.connect(island.url)));
  onTestFinished(() => sockets.forEach(({ socket }) => socket.terminate()));
  await Promise.all(sockets.map((one) => one.call({ subscribe: { channel: "room:1" } })));
  const present = async (): Promise<unknown> => callApi(survivor, "presence_stats", { channel: "room:1" });
  expect(await present()).toEqual({ result: { num_clients: 50, num_users: 1 } });
  const ready = async (): Promise<string> => {
    const response = await fetch(`${island.httpUrl}/readyz`);
    return `${response.status} ${await response.text()}`;
  };
  expect(await ready()).toBe("200 ok\n");
  await eventually("the grace is over", 15_000, async () => (await client.get("test:{L}:calm")) === null);
  proxy.cut();
  await eventually("it says so", 10_000, async () =>
    /^200 ready, but .*the lease of this pod could not be renewed/.test(await ready()),
  );
  await eventually("swept", 15_000, async () => JSON.stringify(await present()).includes('"num_clients":0'));
  proxy.mend();
  await eventually("all are back", 20_000, async () => JSON.stringify(await present()).includes('"num_clients":50'));
  await eventually("it is well", 10_000, async () => (await ready()) === "200 ok\n");
  await eventually("registered", 10_000, async () => {
    // It is there when the first of them is written again.
    const [key = ""] = await client.keys("test:*}u:");
    return (await client.hlen(key)) === 50;
  });
  expect(sockets.every(({ socket }) => socket.readyState === 1)).toBe(true);
}, 60_000);
