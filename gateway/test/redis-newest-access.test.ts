import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrokerConfig, LoadReport } from "@belay/protocol/control";
import {
  callApi,
  callControl,
  eventually,
  freePort,
  type RunningGateway,
  startGateway,
  startRedisCluster,
  startSentinelGroup,
} from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { loginFingerprint } from "../src/config/login-fingerprint.ts";

/** The file that a mounted Secret is. */
async function passwordFile(): Promise<{ readonly path: string; readonly write: (password: string) => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "belay-access-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "password");
  const write = (password: string): Promise<void> => writeFile(path, password);
  await write("old");
  return { path, write };
}

async function admin(port: number): Promise<Redis> {
  const redis = new Redis({ port, password: "old", lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => undefined);
  onTestFinished(() => redis.disconnect());
  await redis.connect();
  return redis;
}

async function startOn(broker: BrokerConfig): Promise<RunningGateway> {
  const gateway = await startGateway({ config: { broker } });
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  return gateway;
}

/** Channels on every shard. */
async function publishes(gateway: RunningGateway): Promise<boolean> {
  const channels = Array.from({ length: 12 }, (_, at) => `news-${at}`);
  const answers = await Promise.all(channels.map((channel) => callApi(gateway, "publish", { channel, data: {} })));
  return !JSON.stringify(answers).includes('"error"');
}

async function lines(redis: Redis, type: string): Promise<readonly string[]> {
  return String(await redis.call("CLIENT", "LIST", "TYPE", type)).split("\n");
}

/** Everybody but who asks. */
async function killAll(redis: Redis): Promise<void> {
  await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await redis.call("CLIENT", "KILL", "TYPE", "pubsub");
}

test("[BR40] other passwords of Redis and of its sentinels count for the next connections", async () => {
  const group = await startSentinelGroup({ password: "old", sentinelPassword: "old" });
  const { sentinels, masterName } = group;
  const file = await passwordFile();
  const gateway = await startOn({
    type: "redis",
    mode: "sentinel",
    sentinels,
    masterName,
    passwordFile: file.path,
    sentinelPasswordFile: file.path,
  });
  await eventually("publishes", 15_000, () => publishes(gateway));
  const reported = async (): Promise<string | undefined> =>
    ((await (await callControl(gateway, "/load")).json()) as LoadReport).config?.redisVersion;
  const fingerprint = (password: string): string => loginFingerprint(gateway.controlToken, { password }, { password });
  expect(await reported()).toBe(fingerprint("old"));
  const primary = await admin((await group.primary()).port);
  const watchers = await Promise.all(sentinels.map(({ port }) => admin(port)));
  for (const redis of [primary, ...watchers]) await redis.call("ACL", "SETUSER", "default", ">new");
  await file.write("new");
  await eventually("reports the new one", 10_000, async () => (await reported()) === fingerprint("new"));
  for (const redis of [primary, ...watchers]) await redis.call("ACL", "SETUSER", "default", "<old");
  expect(await publishes(gateway)).toBe(true);

  // Connections to sentinels that were told of nothing are made again by themselves.
  for (const redis of watchers) await killAll(redis);
  await eventually("sentinels are listened to", 15_000, async () => {
    const listening = await Promise.all(watchers.map((redis) => lines(redis, "pubsub")));
    return listening.every((each) => each.some((line) => line.includes("sub=1")));
  });
  await killAll(primary);
  await eventually("publishes again", 15_000, () => publishes(gateway));
}, 60_000);

test("[BR40] another password of a Redis Cluster counts for the next connection to each node", async () => {
  const cluster = await startRedisCluster({ password: "old" });
  const file = await passwordFile();
  const gateway = await startOn({
    type: "redis",
    mode: "cluster",
    nodes: cluster.nodes.slice(0, 1),
    passwordFile: file.path,
  });
  await eventually("publishes", 15_000, () => publishes(gateway));
  const nodes = await Promise.all(cluster.nodes.map(({ port }) => admin(port)));
  for (const redis of nodes) await redis.call("ACL", "SETUSER", "default", ">new");
  await file.write("new");
  for (const redis of nodes) await redis.call("ACL", "SETUSER", "default", "<old");
  expect(await publishes(gateway)).toBe(true);
  for (const redis of nodes) await killAll(redis);
  await eventually("publishes again", 15_000, () => publishes(gateway));
}, 60_000);

type Nodes = readonly { readonly host: string; readonly port: number }[];

const started = {
  nodes: async () => {
    const { nodes } = await startRedisCluster();
    return [nodes, (some: Nodes): BrokerConfig => ({ type: "redis", mode: "cluster", nodes: some })] as const;
  },
  sentinels: async () => {
    const { sentinels, masterName } = await startSentinelGroup();
    const form = (some: Nodes): BrokerConfig => ({ type: "redis", mode: "sentinel", sentinels: some, masterName });
    return [sentinels, form] as const;
  },
};

test.each(["nodes", "sentinels"] as const)(
  "[BR40] another list of %s is used for the next attempt to connect",
  async (kind) => {
    const [nodes, form] = await started[kind]();
    const gateway = await startOn(form([{ host: "127.0.0.1", port: await freePort() }]));
    expect(await publishes(gateway)).toBe(false);
    await gateway.reconfigure({ broker: form(nodes) });
    await eventually("publishes", 15_000, () => publishes(gateway));
  },
  60_000,
);
