import { KubeError, RESOURCES } from "@belay/operator/internal";
import { expect, test } from "vitest";
import { Given, type Manifest } from "./given.ts";

const managedChildren = [
  "ConfigMap/chat-config",
  "ConfigMap/chat-redis",
  "NetworkPolicy/chat",
  "NetworkPolicy/chat-redis",
  "Secret/chat-keys",
  "Secret/chat-redis",
  "Service/chat",
  "Service/chat-pods",
  "Service/chat-redis",
  "ServiceAccount/chat",
  "StatefulSet/chat-redis",
];

async function deploymentOf(given: Given): Promise<Manifest> {
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  const [deployment] = items;
  if (deployment === undefined) throw new Error("no Deployment");
  return deployment;
}

test("[RC1] applying makes every child, owned and labelled; another pass writes nothing", async () => {
  const given = new Given();
  await given.cluster({ replicas: 3 });
  await given.pass();
  const { name } = (await deploymentOf(given)).metadata;
  const expected = [...managedChildren, `Deployment/${name}`, `PodDisruptionBudget/${name}`].toSorted();
  expect(await given.children()).toEqual(expected);
  const owner = (await given.read(RESOURCES.services, "chat"))?.metadata;
  expect(owner?.labels).toMatchObject({ "belay.dev/cluster": "chat", "app.kubernetes.io/managed-by": "belay" });
  expect(owner?.ownerReferences).toMatchObject([{ kind: "RealtimeCluster", name: "chat", controller: true }]);
  expect((await deploymentOf(given))["spec"]).toMatchObject({ replicas: 3, paused: false });

  await given.pass();
  const before = given.kube.calls.length;
  await given.pass();
  const writes = given.kube.calls.slice(before).filter((call) => !/^(get|list|watch) /.test(call));
  expect(writes).toEqual([]);
});

test("[RC2] an edited or deleted child is corrected in the next pass, what others wrote into it stays", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  const service = { resource: RESOURCES.services, namespace: "shop", name: "chat" };
  await given.kube.patch(service, {
    type: "merge",
    body: { metadata: { labels: { team: "red" } }, spec: { selector: { "belay.dev/revision": "nobody" } } },
  });
  await given.kube.delete({ resource: RESOURCES.configMaps, namespace: "shop", name: "chat-config" });
  await given.pass();
  const corrected = await given.read(RESOURCES.services, "chat");
  expect(corrected?.["spec"]).not.toMatchObject({ selector: { "belay.dev/revision": "nobody" } });
  expect(corrected?.metadata.labels).toMatchObject({ team: "red" });
  expect(await given.read(RESOURCES.configMaps, "chat-config")).toBeDefined();
});

test.each([
  ["Service", RESOURCES.services, "chat"],
  ["Secret", RESOURCES.secrets, "chat-keys"],
  ["ConfigMap", RESOURCES.configMaps, "chat-config"],
  ["StatefulSet", RESOURCES.statefulSets, "chat-redis"],
] as const)("[RC3] a %s of somebody else is left alone and named with what to do", async (kind, resource, name) => {
  const given = new Given();
  const { apiVersion } = resource;
  await given.kube.create<Manifest>(resource, {
    apiVersion,
    kind,
    metadata: { name, namespace: "shop" },
    spec: { theirs: true },
  });
  await given.cluster({ replicas: 1 });
  await given.pass();
  expect((await given.read(resource, name))?.["spec"]).toEqual({ theirs: true });
  expect((await given.read(resource, name))?.metadata.ownerReferences).toBeUndefined();
  const degraded = await given.condition("Degraded");
  expect(degraded).toMatchObject({ status: "True", reason: "NameCollision" });
  expect(degraded?.message).toContain(`${kind} "${name}" in namespace "shop" exists and does not belong to`);
  expect(degraded?.message).toContain("delete or rename it");
  expect((await given.status()).phase).toBe("Degraded");
  expect((await given.children()).filter((each) => each.startsWith("Deployment"))).toEqual([]);
  await given.kube.delete({ resource, namespace: "shop", name });
  await given.pass();
  expect((await given.children()).filter((each) => each.startsWith("Deployment"))).toHaveLength(1);
  expect(await given.condition("Degraded")).toMatchObject({ status: "False" });
});

test("[RC4] a missing Secret is named with the command that makes it, and nothing is started until it is there", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, redis: { type: "external", urlSecretRef: { name: "hosted", key: "url" } } });
  await given.pass();
  expect((await given.children()).filter((each) => each.startsWith("Deployment"))).toEqual([]);
  const { message = "", reason } = (await given.condition("Degraded")) ?? {};
  expect(reason).toBe("SecretMissing");
  expect(message).toContain('spec.redis.urlSecretRef: Secret "hosted" does not exist in namespace "shop"');
  expect(message).toContain("kubectl -n shop create secret generic hosted --from-literal=url=");
  expect(await given.condition("RedisReady")).toMatchObject({ status: "False", reason: "SecretMissing" });

  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "hosted", namespace: "shop" },
    data: { other: "eA==" },
  };
  await given.kube.create<Manifest>(RESOURCES.secrets, secret);
  await given.clock.advance(3_000);
  await given.pass();
  expect((await given.condition("Degraded"))?.message).toContain('has no key "url"');
  const ref = { resource: RESOURCES.secrets, namespace: "shop", name: "hosted" };
  await given.kube.patch(ref, { type: "merge", body: { data: { url: "eA==" } } });
  await given.clock.advance(3_000);
  await given.pass();
  expect((await given.children()).filter((each) => each.startsWith("Deployment"))).toHaveLength(1);
  expect(await given.condition("Degraded")).toMatchObject({ status: "False" });
});

test("[RC5] what is not wanted any more is deleted, a managed Redis only after the rollout away from it", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, autoscaling: { minReplicas: 1, maxReplicas: 2, targetConnectionsPerPod: 5 } });
  await given.pass();
  expect(await given.children()).toContain("HorizontalPodAutoscaler/chat");
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "hosted", namespace: "shop" },
    data: { url: "eA==" },
  };
  await given.kube.create<Manifest>(RESOURCES.secrets, secret);
  const ref = { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" };
  const redis = { type: "external", urlSecretRef: { name: "hosted", key: "url" } };
  await given.kube.patch(ref, { type: "merge", body: { spec: { autoscaling: null, redis } } });
  const old = (await deploymentOf(given)).metadata.name;
  await given.pass();
  expect(await given.children()).not.toContain("HorizontalPodAutoscaler/chat");
  expect(await given.children()).toContain("StatefulSet/chat-redis");
  await given.kube.delete({ resource: RESOURCES.deployments, namespace: "shop", name: old });
  await given.pass();
  await given.pass();
  const left = await given.children();
  expect(left.filter((each) => each.includes("redis"))).toEqual([]);
  expect(left).toContain("Secret/hosted");
});

test.each([
  [{}, 2],
  [{ autoscaling: { minReplicas: 3, maxReplicas: 9, targetConnectionsPerPod: 5 } }, 3],
  [{ replicas: 7 }, 7],
  [{ replicas: 0 }, 0],
])("[RC6] [ST3] spec %j has %i replicas", async (spec, replicas) => {
  const given = new Given();
  await given.cluster(spec);
  await given.pass();
  expect((await given.read(RESOURCES.realtimeClusters, "chat"))?.["spec"]).toMatchObject({ replicas });
  expect((await given.status()).replicas).toBe(replicas);
  expect((await deploymentOf(given))["spec"]).toMatchObject({ replicas });
});

test("[RC7] a spec of another version of the API changes nothing but the status", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, fromTheFuture: true });
  await given.pass();
  expect(await given.children()).toEqual([]);
  const degraded = await given.condition("Degraded");
  expect(degraded).toMatchObject({ status: "True", reason: "InvalidSpec" });
  expect(degraded?.message).toContain("fromTheFuture");
});

test("[RC8] a refusal is said in Degraded and the other children go on", async () => {
  const given = new Given();
  given.kube.fault = (verb, { kind }) =>
    verb === "patch" && kind === "NetworkPolicy"
      ? new KubeError(403, "Forbidden", "policies are forbidden here")
      : undefined;
  await given.cluster({ replicas: 1 });
  const requeueAfterMs = await given.pass();
  expect(requeueAfterMs).toBeLessThanOrEqual(10_000);
  expect(await given.children()).toContain("Service/chat");
  expect(await given.condition("Degraded")).toMatchObject({ status: "True", reason: "ApplyFailed" });
  expect((await given.condition("Degraded"))?.message).toContain(
    "the API server refuses NetworkPolicy chat-redis: policies are forbidden here",
  );
});

test("[RC8] an API server that is busy costs a back-off, after everything else was tried", async () => {
  const given = new Given();
  given.kube.fault = (verb, { kind }) =>
    verb === "patch" && kind === "ConfigMap" ? new KubeError(429, "TooManyRequests", "slow down", 7) : undefined;
  await given.cluster({ replicas: 1 });
  await expect(given.pass()).rejects.toMatchObject({ status: 429, retryAfterSeconds: 7 });
  expect(await given.children()).toContain("Service/chat");
  expect((await given.status()).replicas).toBe(1);
});

test("[RC10] generated Secrets are kept, a key that is missing is made anew", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  const before = (await given.read(RESOURCES.secrets, "chat-keys"))?.["data"] as Record<string, string>;
  const ref = { resource: RESOURCES.secrets, namespace: "shop", name: "chat-keys" };
  await given.kube.patch(ref, { type: "merge", body: { data: { hmac: null } } });
  await given.pass();
  const after = (await given.read(RESOURCES.secrets, "chat-keys"))?.["data"] as Record<string, string>;
  expect(after["api-key"]).toBe(before["api-key"]);
  expect(after["hmac"]).toBeDefined();
  expect(after["hmac"]).not.toBe(before["hmac"]);
  const redis = (await given.read(RESOURCES.secrets, "chat-redis"))?.["data"] as Record<string, string>;
  const password = Buffer.from(redis["password"] ?? "", "base64").toString("utf8");
  expect(Buffer.from(redis["url"] ?? "", "base64").toString("utf8")).toBe(
    `redis://:${password}@chat-redis.shop.svc:6379`,
  );
});

test("[RC11] a Deployment is paused once its ReplicaSet exists, and an edited template is put back", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  const deployment = await deploymentOf(given);
  await given.replicaSetFor(deployment);
  await given.pass();
  expect((await deploymentOf(given))["spec"]).toMatchObject({ paused: true });
  const ref = { resource: RESOURCES.deployments, namespace: "shop", name: deployment.metadata.name };
  await given.kube.patch(ref, {
    type: "merge",
    body: { spec: { paused: false, template: { metadata: { annotations: { edited: "by hand" } } } } },
  });
  await given.pass();
  const { template } = deployment["spec"] as { template: unknown };
  expect((await deploymentOf(given))["spec"]).toMatchObject({ paused: true });
  expect(((await deploymentOf(given))["spec"] as { template: unknown }).template).toEqual(template);
});

test("[ST4] conditions carry the generation; lastTransitionTime moves only when the status does", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  const first = await given.condition("Ready");
  await given.clock.advance(60_000);
  await given.pass();
  const second = await given.condition("Ready");
  expect(second).toEqual({ ...first, reason: second?.reason, message: second?.message });
  const { observedGeneration, conditions = [] } = await given.status();
  expect(new Set(conditions.map((each) => each.observedGeneration))).toEqual(new Set([observedGeneration]));
  expect(conditions.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["Ready", "Progressing", "Draining", "Degraded", "RedisReady", "AutoscalingActive"]),
  );
});

test("[ST5] a problem is told once, however many passes see it", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, auth: { hmacSecretRef: { name: "missing", key: "hmac" } } });
  for (let pass = 0; pass < 4; pass++) await given.pass();
  expect(given.events.filter(({ reason }) => reason === "SecretMissing")).toHaveLength(1);
});
