import {
  callApi,
  callControl,
  eventually,
  startGateway,
  startGatewayProcess,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

const ALLOW = { subscribe: "anonymous", presence: "anonymous" } as const;
const config = { channels: { namespaces: [{ name: "room", presence: true, allow: ALLOW }] } } as const;

test("[RG14] the control port has what a pod that is gone held removed at once; a Redis that is away is a 503", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  onTestFinished(() => client.disconnect());
  const shared = { redisUrl: redis.url, config };
  await using survivor = await startGateway({ ...shared, podUid: "survivor" });
  await using victim = await startGatewayProcess({ ...shared, podUid: "victim" });
  const clients = await Promise.all(Array.from({ length: 20 }, () => TestClient.connect(victim.url)));
  onTestFinished(() => clients.forEach(({ socket }) => socket.terminate()));
  await Promise.all(clients.map((each) => each.call({ subscribe: { channel: "room:a" } })));
  const present = async (): Promise<unknown> => callApi(survivor, "presence_stats", { channel: "room:a" });
  await eventually("all are there", 10_000, async () => JSON.stringify(await present()).includes('"num_clients":20'));
  victim.process.kill("SIGKILL");
  const answer = await callControl(survivor, "/sweep", { podUids: ["victim", "never-seen", "survivor"] });
  expect(answer.status).toBe(200);
  // Nothing was waited for: the lease of ten seconds is not over.
  expect(await client.hkeys("test:{L}:pods")).toEqual(["survivor"]);
  expect(await present()).toEqual({ result: { num_clients: 0, num_users: 0 } });
  expect(await client.keys("test:*}p:victim:*")).toEqual([]);

  const unknown = await fetch(`${survivor.controlUrl}/sweep`, { method: "POST", body: '{"podUids":["victim"]}' });
  expect(unknown.status).toBe(401);
  const refused = await callControl(survivor, "/sweep", { podUids: ["no uid"] });
  expect([refused.status, await refused.json()]).toEqual([
    400,
    { problems: [{ field: "podUids.0", rule: "must be a pod's uid", value: "no uid" }] },
  ]);
  await redis.stop();
  const away = await callControl(survivor, "/sweep", { podUids: ["victim"] });
  expect([away.status, await away.json()]).toEqual([
    503,
    { problems: [{ field: "body", rule: "cannot be carried out while Redis is away" }] },
  ]);
}, 30_000);
