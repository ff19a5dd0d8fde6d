import { expect, test } from "vitest";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { getObject, listObjects } from "../kube-objects.ts";
import { kubectl, patchObject } from "../kubectl.ts";
import { Publisher } from "../publisher.ts";

test("Redis restarts: sockets stay, publishes fail with a temporary error, then flow again", async () => {
  await using ns = await given.namespace("e2e-redis");
  await given.realtimeCluster(ns, "calm", { replicas: 2, auth: { anonymous: true } });
  const { url } = await given.readyCluster(ns, "calm");
  await using fleet = await Fleet.open({ url, count: 100, channel: "news" });
  await eventuallyTrue("all connected", { withinMs: 15_000 }, () => fleet.connected === 100);
  const options = { url, apiKey: await given.apiKey(ns, "calm"), channel: "news", perSecond: 20 };
  await using publisher = Publisher.start(options);
  await eventuallyTrue("messages flow", { withinMs: 10_000 }, () => fleet.received > 500);

  const [redis] = await listObjects(ns.name, "pods", "belay.dev/cluster=calm,belay.dev/component=redis");
  const name = redis?.metadata.name ?? "";
  await kubectl(["-n", ns.name, "delete", "pod", name, "--grace-period=1"]);
  await eventuallyTrue("publishes are refused for now", { withinMs: 20_000 }, () => publisher.refusedTemporarily > 0);
  await eventuallyTrue("another Redis pod is Ready", { withinMs: 60_000 }, async () => {
    const now = await getObject<{
      metadata: { uid: string };
      status: { conditions: { type: string; status: string }[] };
    }>(ns.name, "pods", name);
    return (
      now.metadata.uid !== redis?.metadata.uid &&
      now.status.conditions.some(({ type, status }) => type === "Ready" && status === "True")
    );
  });
  const seenBefore = fleet.received;
  const { tookMs } = await eventuallyTrue(
    "messages flow again to everyone",
    { withinMs: 15_000 },
    () => fleet.received - seenBefore > 2_000,
  );
  console.log(`refused ${publisher.refusedTemporarily}, flowing ${tookMs} ms after Redis was Ready`);
  expect(fleet.closes).toEqual([]);
  expect(publisher.failures).toEqual([]);
  expect(publisher.cut).toBe(0);
}, 240_000);

test("an unreachable external Redis is named in a condition with what to do", async () => {
  await using ns = await given.namespace("e2e-redis-away");
  await kubectl([
    "-n",
    ns.name,
    "create",
    "secret",
    "generic",
    "away",
    "--from-literal=url=redis://198.18.127.254:6379",
  ]);
  await given.realtimeCluster(ns, "away", {
    replicas: 1,
    redis: { type: "external", urlSecretRef: { name: "away", key: "url" } },
  });
  const { value: redisReady } = await eventually("RedisReady=False", { withinMs: 60_000, everyMs: 300 }, async () => {
    const seen = given.condition(await given.readCluster(ns, "away"), "RedisReady");
    return seen?.status === "False" ? seen : undefined;
  });
  expect(redisReady.message).toMatch(/away/);

  await patchObject(ns.name, ["rtc", "away"], {
    spec: { redis: { type: "external", urlSecretRef: { name: "nowhere", key: "url" } } },
  });
  const { value: missing } = await eventually(
    "the missing Secret is named",
    { withinMs: 20_000, everyMs: 200 },
    async () => {
      const seen = await given.readCluster(ns, "away");
      return seen.status?.conditions?.find(({ message }) => message.includes("nowhere"));
    },
  );
  expect(missing.status).not.toBe("Unknown");
}, 180_000);
