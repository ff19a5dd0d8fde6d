import { configHash } from "@belay/protocol/control";
import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { loginFingerprint } from "../../src/observe/login-fingerprint.ts";
import { load } from "../simulation/build.ts";
import { Given, type Manifest } from "./given.ts";

const sentinel = { type: "managed", mode: "sentinel" };
const MEMBERS = ["redis-node", "sentinel"].flatMap((component) =>
  [0, 1, 2].map((at) => ({ name: `${component}-${at}`, component })),
);

type Values = Readonly<Record<string, string>>;

async function secret(given: Given, name = "chat-redis-nodes"): Promise<Values> {
  const data = (await given.read(RESOURCES.secrets, name))?.["data"] as Values;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}

async function makePod(given: Given, name: string, component: string, labels: Values = {}): Promise<void> {
  const [replicaSet] = (await given.kube.list<Manifest>(RESOURCES.replicaSets, { namespace: "shop" })).items;
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: replicaSet?.metadata.uid ?? "" };
  const container = component === "redis-node" ? "redis" : component;
  await given.kube.create<Manifest>(RESOURCES.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      labels: { "belay.dev/cluster": "chat", "belay.dev/component": component, ...labels },
      ...(component === "gateway" && { ownerReferences: [owner] }),
    },
    status: {
      phase: "Running",
      podIP: name,
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ name: container, state: { running: {} } }],
    },
  });
}

/** Six pods of Redis but the last, and one gateway that says by which password it connects. */
async function running(): Promise<Given & { password: string; told: string[] }> {
  const given = Object.assign(new Given(), { password: "", told: [] as string[] });
  await given.cluster({ replicas: 1, redis: sentinel });
  await given.pass();
  const [deployment] = (await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" })).items;
  if (deployment === undefined) throw new Error("no Deployment");
  await given.replicaSetFor(deployment);
  const revision = deployment.metadata.labels?.["belay.dev/revision"] ?? "";
  for (const { name, component } of MEMBERS.slice(0, -1)) await makePod(given, name, component);
  await makePod(given, "gateway", "gateway", { "belay.dev/revision": revision, "belay.dev/traffic": "on" });
  given.password = (await secret(given))["password"] ?? "";
  const { "control-token": token = "" } = await secret(given, "chat-keys");
  const file = (await given.read(RESOURCES.configMaps, "chat-config"))?.["data"] as Values;
  given.reconciler.observers.loads.get = () => {
    const redisVersion = loginFingerprint(token, given.password);
    const config = { hash: configHash(file["gateway.json"] ?? ""), redisVersion };
    return { report: { ...load(0), config }, atMs: given.clock.nowMs() };
  };
  given.redis = (ip, passwords) => {
    given.told.push(`${ip} knows ${passwords.join(" ")}`);
    return Promise.resolve();
  };
  given.redisLogin = (ip, password) => {
    given.told.push(`${ip} uses ${password}`);
    return Promise.resolve();
  };
  return given;
}

async function wantVersion(given: Given, passwordVersion: number): Promise<void> {
  const ref = { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" };
  await given.kube.patch(ref, { type: "merge", body: { spec: { redis: { ...sentinel, passwordVersion } } } });
}

const each = (what: string): readonly string[] => MEMBERS.map(({ name }) => `${name} ${what}`);

test("[RS10] with Sentinel: every Redis and sentinel knows both before anybody uses the new one, and all use it before the old one ends", async () => {
  const given = await running();
  const old = given.password;
  await wantVersion(given, 3);
  await given.pass();
  const { "next-password": next = "", ...rest } = await secret(given);
  expect(rest).toEqual({
    password: old,
    "auth.conf": `user default on >${old} >${next} ~* &* +@all\nmasterauth ${old}\n`,
  });

  // One of the six is not there: whoever starts with older files would refuse the new one.
  await given.pass();
  expect(given.told).toEqual([]);
  await makePod(given, "sentinel-2", "sentinel");
  await given.pass();
  expect(given.told.splice(0)).toEqual([...each(`knows ${old} ${next}`), ...each(`uses ${next}`)]);
  expect(await secret(given)).toEqual({
    password: next,
    "previous-password": old,
    "auth.conf": `user default on >${next} >${old} ~* &* +@all\nmasterauth ${next}\n`,
  });

  // Gateways report; pods of Redis are called, and given time.
  await given.pass();
  expect((await given.condition("RedisReady"))?.message).toContain("0 of 1 pods use the new password, gateway not yet");
  for (const name of ["gateway", ...MEMBERS.map((member) => member.name)]) {
    const pod = await given.read(RESOURCES.pods, name);
    expect(pod?.metadata.annotations?.["belay.dev/config-call"]).toMatch(/^redis-password-3 /);
  }
  await given.clock.advance(20_000);
  await given.pass();
  expect(given.told).toEqual([]);
  given.password = next;
  await given.pass();
  expect(given.told).toEqual([...each(`uses ${next}`), ...each(`knows ${next}`)]);
  expect(await secret(given)).toEqual({ password: next, "auth.conf": `requirepass ${next}\nmasterauth ${next}\n` });
  await given.pass();
  expect(given.told).toHaveLength(12);
});

test("[RS10] with Sentinel: the old password stays while pods of Redis may have it in their files", async () => {
  const given = await running();
  await makePod(given, "sentinel-2", "sentinel");
  await wantVersion(given, 1);
  await given.pass();
  await given.pass();
  given.password = (await secret(given))["password"] ?? "";
  for (let pass = 0; pass < 3; pass += 1) await given.pass();
  expect(await secret(given)).toHaveProperty("previous-password");
  await given.clock.advance(10_000);
  await given.pass();
  expect(await secret(given)).not.toHaveProperty("previous-password");
});
