import {
  callApi,
  callControl,
  eventually,
  freePort,
  type GatewayAccess,
  type GatewayTestOptions,
  type RunningGateway,
  servingCertificate,
  startGateway,
  startGatewayProcess,
  startRedis,
  TestClient,
} from "@belay/testkit";
import type { GatewayConfig, LoadReport } from "@belay/protocol/control";
import type { Redis } from "ioredis";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { InboxClient, tokenOf } from "./inbox-client.ts";
import { clientOf } from "./redis-failover.ts";
import { commandsOf, documentedUser } from "./redis-rights.ts";

const LEASE = { beatIntervalMs: 300, deadAfterMs: 1_000, awayAfterMs: 600, graceMs: 1_200 };
/** Of a cluster only: the contracts on one use them. */
const OF_CLUSTERS = ["asking", "cluster|slots", "cluster|nodes", "cluster|myid", "cluster|countkeysinslot"];
/** For a Redis that hangs, half a second after the last unsubscribe, for keys that were evicted alone, for the 20,001st ban. */
const RARE = ["ping", "sunsubscribe", "pexpiretime", "expiretime", "zpopmin", "hkeys"];
const ALLOW = { subscribe: "anonymous", publish: "anonymous", presence: "anonymous" } as const;

interface Rig {
  readonly admin: Redis;
  readonly options: (durability: "fast" | "replicated") => GatewayTestOptions;
}

/** A Redis that is reached over TLS by a user with few rights, and without either by who looks after it. */
async function openRig(): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "belay-tls-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const { ca, cert, key } = await servingCertificate(["localhost"]);
  const [caFile, certFile, keyFile] = [await file("ca", ca), await file("cert", cert), await file("key", key)];
  const redis = await startRedis();
  const admin = clientOf(redis);
  const port = await freePort();
  await admin.call("CONFIG", "SET", "tls-ca-cert-file", caFile, "tls-cert-file", certFile, "tls-key-file", keyFile);
  await admin.call("CONFIG", "SET", "tls-auth-clients", "no", "tls-port", port);
  await admin.call("ACL", "SETUSER", ...(await documentedUser("secret")));
  const urlFile = await file("url", `rediss://belay:secret@localhost:${port}`);
  const options = (durability: "fast" | "replicated"): GatewayTestOptions => ({
    leaseTiming: LEASE,
    config: configOf({ type: "redis", urlFile, caFile, durability }),
  });
  return { admin, options };
}

function configOf(broker: NonNullable<GatewayConfig["broker"]>): GatewayConfig {
  return {
    broker,
    inbox: { enabled: true },
    limits: {
      maxConnectionsPerUser: 3,
      userMessagesPerSecond: 100,
      userMessageBurst: 200,
      commandsPerSecond: 1,
      commandBurst: 20,
      banSeconds: 60,
    },
    channels: {
      namespaces: [
        { name: "inbox", inbox: true },
        { name: "cursor", ephemeral: true, allow: ALLOW },
        {
          name: "room",
          presence: true,
          joinLeave: "OnRequest",
          history: { size: 100, ttlSeconds: 60 },
          allow: ALLOW,
        },
      ],
    },
  };
}

async function connected(gateway: GatewayAccess, user: string): Promise<TestClient> {
  const client = await TestClient.connect(gateway.url, await tokenOf(gateway, user));
  onTestFinished(() => client.socket.terminate());
  return client;
}

/** Of the server API; an answer that is not an error. */
async function api(gateway: GatewayAccess, method: string, body: object): Promise<unknown> {
  const answer = (await callApi(gateway, method, body)) as { readonly result?: unknown };
  expect({ method, answer }).not.toHaveProperty("answer.error");
  return answer.result;
}

/** Publications of every kind, read back, and who is there. */
async function useChannels(here: RunningGateway, there: RunningGateway): Promise<void> {
  const [ann, bob] = [await connected(here, "ann"), await connected(there, "bob")];
  const { subscribe } = await ann.call({ subscribe: { channel: "room:1", recoverable: true, join_leave: true } });
  const { epoch, offset } = subscribe as { epoch: string; offset: number };
  for (const channel of ["room:1", "cursor:1"])
    expect((await bob.call({ subscribe: { channel } })).error).toBeUndefined();
  await ann.call({ subscribe: { channel: "cursor:1" } });
  expect((await bob.call({ publish: { channel: "room:1", data: "from bob" } })).error).toBeUndefined();
  await api(here, "publish", { channel: "room:1", data: "once", idempotency_key: "k" });
  await api(there, "publish", { channel: "room:1", data: "again", idempotency_key: "k" });
  await api(here, "publish", { channel: "room:1", data: "versioned", version: 7 });
  await api(here, "publish", { channel: "cursor:1", data: "passing", ephemeral_key: "x" });
  expect(await ann.waitForPayloads("room:1", 3)).toEqual(["from bob", "once", "versioned"]);
  expect(await ann.waitForPayloads("cursor:1", 1)).toEqual(["passing"]);
  await ann.waitFor("join", ({ push }) => push !== undefined && "join" in push);
  await bob.call({ unsubscribe: { channel: "room:1" } });
  const again = await bob.call({ subscribe: { channel: "room:1", recover: true, recoverable: true, epoch, offset } });
  expect(again["subscribe"]).toMatchObject({ recovered: true });
  for (const reverse of [true, false])
    expect(await api(there, "history", { channel: "room:1", limit: 2, reverse })).toHaveProperty("publications.1");
  expect(await api(there, "presence_stats", { channel: "room:1" })).toEqual({ num_clients: 2, num_users: 2 });
  expect(await api(there, "presence", { channel: "room:1" })).toHaveProperty("presence");
  expect(await api(here, "channels", {})).toHaveProperty("channels.room:1.num_clients", 2);
  await api(here, "history_remove", { channel: "room:1" });
}

/** Orders, inbox, limits and revocations. */
async function useUsers(here: RunningGateway, there: RunningGateway): Promise<void> {
  const cid = await connected(here, "cid");
  await Promise.all([connected(here, "cid"), connected(there, "cid")]);
  await using fourth = await TestClient.open(there.url);
  expect((await fourth.call({ connect: { token: await tokenOf(there, "cid") } })).error?.code).toBe(111);
  await api(there, "subscribe", { user: "cid", channel: "room:2" });
  await cid.waitFor("subscribed", ({ push }) => push?.channel === "room:2");
  await api(there, "disconnect", { user: "cid" });
  await cid.closed;

  await api(here, "inbox/send", { user: "dan", data: "first", idempotency_key: crypto.randomUUID() });
  await using dan = await InboxClient.connect(there, "dan");
  await api(here, "inbox/send", { user: "dan", data: "second" });
  expect(await dan.waitFor(2)).toEqual(["first", "second"]);
  await dan.ackAll();

  const eve = await connected(there, "eve");
  await api(here, "block", { user: "eve" });
  await eve.closed;
  await api(here, "unblock", { user: "eve" });
  await api(here, "revoke", { token_id: "t1" });
  await using flood = await TestClient.open(here.url);
  await flood.call({ connect: { token: await tokenOf(here, "fay") } });
  flood.send(Array.from({ length: 400 }, (_, id) => `{"id":${id + 10},"ping":{}}`).join("\n"));
  expect((await flood.closed).code).toBe(3013);
  expect(await api(here, "info", {})).toHaveProperty("nodes.1");
}

async function leaseIsHeld(gateway: RunningGateway): Promise<boolean> {
  return (await (await fetch(`${gateway.controlUrl}/readyz`)).text()) === "ok\n";
}

test("[FT3] over TLS, as a user with the documented rights, a gateway does everything and is never refused; none of the rights is unused", async () => {
  const { admin, options } = await openRig();
  for (const durability of ["fast", "replicated"] as const) {
    await using here = await startGateway({ ...options(durability), podUid: "here" });
    await using there = await startGateway({ ...options(durability), podUid: "there" });
    await using doomed = await startGatewayProcess({ ...options(durability), podUid: "doomed" });
    const lost = await connected(doomed, "gus");
    await lost.call({ subscribe: { channel: "room:1" } });
    await admin.script("FLUSH");
    await eventually("the grace is over", 15_000, async () => (await admin.get("belay:{L}:calm")) === null);
    doomed.process.kill("SIGKILL");
    await eventually("swept", 15_000, async () => (await admin.keys("belay:*p:doomed:*")).length === 0);
    await useChannels(here, there);
    await useUsers(here, there);
    for (const gateway of [here, there]) expect(await leaseIsHeld(gateway)).toBe(true);
    const { redis } = (await (await callControl(here, "/load")).json()) as LoadReport;
    expect(redis?.problem).toBe("");
  }
  expect(await admin.call("ACL", "LOG")).toEqual([]);
  const stats = await admin.info("commandstats");
  const used = new Set([...stats.matchAll(/^cmdstat_([^:]+):calls=[1-9]/gm)].map(([, name]) => name));
  const rights = commandsOf(await documentedUser("secret"));
  expect(rights.filter((name) => !used.has(name) && ![...OF_CLUSTERS, ...RARE].includes(name))).toEqual([]);
}, 60_000);
