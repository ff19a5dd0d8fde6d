import { callApi, eventually, type RunningGateway, startGateway, startRedis, TestClient } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";

const ALLOW = { subscribe: "anonymous", presence: "anonymous" } as const;
const config = { channels: { namespaces: [{ name: "room", presence: true, allow: ALLOW }] } } as const;

async function connected(gateway: RunningGateway): Promise<TestClient> {
  const client = await TestClient.connect(gateway.url);
  onTestFinished(() => client.socket.terminate());
  return client;
}

test("[FT4] who leaves while Redis hangs is gone from presence, and who came is in it, as soon as it answers", async () => {
  const redis = await startRedis();
  await using gateway = await startGateway({ redisUrl: redis.url, config });
  const [stays, leaves, unsubscribes] = await Promise.all([1, 2, 3].map(() => connected(gateway)));
  const late = await connected(gateway);
  for (const client of [stays, leaves, unsubscribes]) await client?.call({ subscribe: { channel: "room:1" } });
  redis.pause();
  await eventually("it is missed", 10_000, async () => {
    const { error } = (await callApi(gateway, "presence_stats", { channel: "room:1" })) as { error?: object };
    return error !== undefined;
  });
  leaves?.socket.terminate();
  await unsubscribes?.call({ unsubscribe: { channel: "room:1" } });
  redis.resume();
  await eventually("subscribed", 10_000, async () => {
    const { error } = await late.call({ subscribe: { channel: "room:1" } });
    return error === undefined;
  });
  const left = await eventually("they are gone", 10_000, async () => {
    const { result } = (await callApi(gateway, "presence_stats", { channel: "room:1" })) as { result?: object };
    expect(result).toEqual({ num_clients: 2, num_users: 1 });
    return result;
  });
  expect(left).toBeDefined();
}, 40_000);
