import { configHash } from "@belay/protocol/control";
import { startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { redisAdmin } from "../../src/apply/redis-admin.ts";
import { RESOURCES } from "../../src/kube/resources.ts";
import { load } from "../simulation/build.ts";
import { Given, type Manifest } from "./given.ts";

const secretRef = { resource: RESOURCES.secrets, namespace: "shop", name: "chat-redis" };

async function secret(given: Given): Promise<Readonly<Record<string, string>>> {
  const data = (await given.kube.get<Manifest>(secretRef))?.["data"] as Readonly<Record<string, string>>;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}

async function wantVersion(given: Given, passwordVersion: number): Promise<void> {
  const ref = { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" };
  await given.kube.patch(ref, { type: "merge", body: { spec: { redis: { type: "managed", passwordVersion } } } });
}

async function makePod(given: Given, name: string, labels: Readonly<Record<string, string>>): Promise<void> {
  const component = labels["belay.dev/component"] === "redis" ? "redis" : "gateway";
  const { items } = await given.kube.list<Manifest>(RESOURCES.replicaSets, { namespace: "shop" });
  const [replicaSet] = items;
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: replicaSet?.metadata.uid ?? "" };
  await given.kube.create<Manifest>(RESOURCES.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      labels: { "belay.dev/cluster": "chat", ...labels },
      ...(component === "gateway" && { ownerReferences: [owner] }),
    },
    status: {
      phase: "Running",
      podIP: "127.0.0.1",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ name: component, state: { running: {} } }],
    },
  });
}

/** A cluster with one Redis pod and one gateway, which says by which URL it connects. */
async function running(): Promise<Given & { urlVersion: string | undefined }> {
  const given = Object.assign(new Given(), { urlVersion: undefined as string | undefined });
  await given.cluster({ replicas: 1 });
  await given.pass();
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  const [deployment] = items;
  if (deployment === undefined) throw new Error("no Deployment");
  await given.replicaSetFor(deployment);
  const revision = deployment.metadata.labels?.["belay.dev/revision"] ?? "";
  await makePod(given, "chat-redis-0", { "belay.dev/component": "redis" });
  await makePod(given, "gateway", {
    "belay.dev/component": "gateway",
    "belay.dev/revision": revision,
    "belay.dev/traffic": "on",
  });
  const map = (await given.read(RESOURCES.configMaps, "chat-config")) as { data?: Record<string, string> } | undefined;
  const hash = configHash(map?.data?.["gateway.json"] ?? "");
  given.reconciler.observers.loads.get = () => {
    const config = { hash, ...(given.urlVersion !== undefined && { redisVersion: given.urlVersion }) };
    return { report: { ...load(0), config }, atMs: given.clock.nowMs() };
  };
  return given;
}

test("[RS10] a new password counts in Redis before anybody uses it, and the old one until nobody does", async () => {
  const given = await running();
  const told: (readonly string[])[] = [];
  given.redis = (_ip, passwords) => {
    told.push(passwords);
    return Promise.resolve();
  };
  const { password: old = "", url: oldUrl } = await secret(given);
  await wantVersion(given, 7);

  await given.pass();
  const { "next-password": next = "" } = await secret(given);
  expect(next).not.toBe("");
  expect(next).not.toBe(old);
  expect(await secret(given)).toMatchObject({ password: old, url: oldUrl });
  expect((await secret(given))["auth.conf"]).toBe(`user default on >${old} >${next} ~* &* +@all\n`);
  expect(told).toEqual([]);

  await given.pass();
  expect(told).toEqual([[old, next]]);
  expect(await secret(given)).toMatchObject({
    password: next,
    "previous-password": old,
    url: `redis://:${next}@chat-redis.shop.svc:6379#7`,
  });

  // The gateway still has the old URL: it is called to look, and the old password stays.
  await given.pass();
  await given.pass();
  expect(told).toHaveLength(1);
  const pod = await given.read(RESOURCES.pods, "gateway");
  expect(pod?.metadata.annotations?.["belay.dev/config-call"]).toMatch(/^redis-password-7 /);
  expect((await given.condition("RedisReady"))?.message).toContain("0 of 1 pods use the new password, gateway not yet");

  given.urlVersion = "7";
  await given.pass();
  expect(told).toEqual([[old, next], [next]]);
  expect(await secret(given)).toEqual({
    password: next,
    url: `redis://:${next}@chat-redis.shop.svc:6379#7`,
    "auth.conf": `requirepass ${next}\n`,
  });
  await given.pass();
  expect(told).toHaveLength(2);
  expect((await given.condition("RedisReady"))?.message).not.toContain("password");
});

test("[RS10] a Redis that cannot be told stops the change where it is, and nobody is moved", async () => {
  const given = await running();
  given.redis = () => Promise.reject(new Error("away"));
  await wantVersion(given, 1);
  await given.pass();
  const before = await secret(given);
  await expect(given.pass()).rejects.toThrow("away");
  expect(await secret(given)).toEqual(before);
});

test("[RS10] whoever is connected to Redis stays connected through every step", async () => {
  await using server = await startRedis({ password: "old" });
  const at = { ip: "127.0.0.1", isSentinel: false, port: server.port };
  const open = async (password: string): Promise<Redis> => {
    const redis = new Redis({ port: server.port, password, lazyConnect: true, retryStrategy: () => null });
    redis.on("error", () => undefined);
    await redis.connect();
    return redis;
  };
  const first = await open("old");
  const closed: string[] = [];
  first.on("close", () => closed.push("first"));
  try {
    await redisAdmin.setPasswords(at, ["old", "new"], ["old", "new"]);
    const second = await open("new");
    second.on("close", () => closed.push("second"));
    await (await open("old")).quit();
    await redisAdmin.setPasswords(at, ["new"], ["new", "old"]);
    await expect(open("old")).rejects.toThrow(/WRONGPASS|closed/);
    expect(await first.ping()).toBe("PONG");
    expect(await second.ping()).toBe("PONG");
    expect(closed).toEqual([]);
    second.disconnect();
    // Told again, as after a crash between two steps.
    await redisAdmin.setPasswords(at, ["new"], ["new", "old"]);
    await expect(redisAdmin.setPasswords(at, ["x"], ["wrong"])).rejects.toThrow("could not be told");
  } finally {
    first.disconnect();
  }
});
