import { callApi, eventually, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { at, type FailoverRig, openFailoverRig } from "./redis-failover.ts";

const config = { channels: { unprefixed: { history: { size: 100_000, ttlSeconds: 60 } } } };
const keys = new RedisKeys("test:");

interface Scene {
  readonly rig: FailoverRig;
  readonly publisher: RunningGateway;
  readonly client: TestClient;
  readonly epoch: string;
  /** Ids of publications that were acknowledged. */
  readonly acknowledged: number[];
  readonly publish: () => Promise<boolean>;
}

/** A publisher on one gateway and a subscriber on another, on a primary with a replica. */
async function openScene(durability: "fast" | "replicated"): Promise<Scene> {
  const rig = await openFailoverRig();
  const gateways = await Promise.all(
    ["one", "two"].map((podUid) => startGateway({ redisUrl: rig.url, podUid, config, durability })),
  );
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const [publisher, subscriber] = [at(gateways, 0), at(gateways, 1)];
  const client = await TestClient.connect(subscriber.url);
  onTestFinished(() => client[Symbol.asyncDispose]());
  const acknowledged: number[] = [];
  let made = 0;
  const publish = async (): Promise<boolean> => {
    const data = (made += 1);
    const { error } = (await callApi(publisher, "publish", { channel: "chat", data })) as {
      error?: { code: number };
    };
    if (error === undefined) acknowledged.push(data);
    expect([undefined, 100]).toContain(error?.code);
    return error === undefined;
  };
  const { subscribe } = await client.call({ subscribe: { channel: "chat", recoverable: true } });
  return { rig, publisher, client, epoch: (subscribe as { epoch: string }).epoch, acknowledged, publish };
}

async function publishMany({ publish }: Scene, count: number): Promise<void> {
  let published = 0;
  await eventually(`${count} published`, 15_000, async () => {
    while (published < count && (await publish())) published += 1;
    return published >= count;
  });
}

const isTold = ({ client }: Scene): boolean =>
  client.received.some(({ push }) => push !== undefined && "unsubscribe" in push);

test("[FN5] replicated: a subscriber sees everything that was acknowledged over a failover, once, in order, in its epoch, and hears of nothing", async () => {
  const scene = await openScene("replicated");
  const { rig, client, acknowledged, publish } = scene;
  const replica = rig.client(at(rig.replicas, 0));
  const runId = /run_id:(\w+)/.exec(await replica.info("server"))?.[1] ?? "";
  await eventually("the replica counts", 10_000, async () => {
    await publish();
    return (await replica.hget(keys.partitionTerm("chat"), "s"))?.includes(runId) === true;
  });
  await publishMany(scene, 50);
  await rig.failOver(0);
  await publishMany(scene, 50);
  await eventually("all delivered", 10_000, () => client.payloads("chat").includes(acknowledged.at(-1)));
  const seen = client.payloads("chat") as readonly number[];
  // What was refused may have been made all the same; whoever publishes numbers in order sees them in order.
  expect(seen).toEqual([...new Set(seen)].toSorted((one, other) => one - other));
  expect(acknowledged.filter((id) => !seen.includes(id))).toEqual([]);
  expect(isTold(scene)).toBe(false);
  const { subscribe: again } = await (
    await anew(scene)
  ).call({
    subscribe: { channel: "chat", recoverable: true, recover: true, epoch: scene.epoch, offset: seen.length },
  });
  expect(again).toMatchObject({ recovered: true, epoch: scene.epoch });
});

test("[FN2] fast: after a failover to a replica that lacks acknowledged publications every subscriber is told, here or when it comes back", async () => {
  const scene = await openScene("fast");
  const { rig, client, acknowledged, epoch } = scene;
  await publishMany(scene, 10);
  rig.lag(0);
  await publishMany(scene, 30);
  await client.waitForPayloads("chat", 40);
  expect(client.payloads("chat")).toEqual(acknowledged);
  await rig.failOver(0);
  await publishMany(scene, 100);
  await eventually("told", 10_000, () => isTold(scene));
  for (const offset of [1, 10, 40]) {
    const { subscribe } = await (
      await anew(scene)
    ).call({
      subscribe: { channel: "chat", recoverable: true, recover: true, epoch, offset },
    });
    expect(subscribe).toMatchObject({ recovered: false });
    expect(subscribe).not.toHaveProperty("publications.0");
  }
});

test("[FN13] how often replicas were asked, and whether all had everything, is counted", async () => {
  const scene = await openScene("replicated");
  const { rig, publisher, publish } = scene;
  const rounds = async (outcome: string): Promise<number> => {
    const text = await (await fetch(`${publisher.controlUrl}/metrics`)).text();
    return Number(
      new RegExp(`^belay_gateway_redis_replica_rounds_total{outcome="${outcome}"} (\\d+)`, "m").exec(text)?.[1],
    );
  };
  await publishMany(scene, 5);
  await eventually("all had everything", 10_000, async () => (await publish()) && (await rounds("complete")) > 0);
  expect(await rounds("failed")).toBe(0);
  rig.lag(0);
  await eventually("one was late", 10_000, async () => {
    await publish();
    return (await rounds("late")) > 0;
  });
});

async function anew({ publisher }: Scene): Promise<TestClient> {
  const client = await TestClient.connect(publisher.url);
  onTestFinished(() => client[Symbol.asyncDispose]());
  return client;
}
