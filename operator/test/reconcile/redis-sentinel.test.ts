import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given, type Manifest } from "./given.ts";

const sentinel = { type: "managed", mode: "sentinel" };

interface PodSpec {
  readonly affinity: { readonly podAntiAffinity: Readonly<Record<string, unknown>> };
  readonly volumes: readonly { readonly name: string; readonly [field: string]: unknown }[];
  readonly containers: readonly { readonly env: readonly { readonly name: string; readonly value?: string }[] }[];
}

interface StatefulSet extends Manifest {
  readonly spec: {
    readonly replicas: number;
    readonly podManagementPolicy?: string;
    readonly volumeClaimTemplates?: readonly unknown[];
    readonly template: { readonly spec: PodSpec };
  };
}

const claim = (storage: string): unknown => [
  {
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], storageClassName: "fast", resources: { requests: { storage } } },
  },
];

const secret = (name: string, keys: readonly string[]): Manifest => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "shop" },
  data: Object.fromEntries(keys.map((key) => [key, "eA=="])),
});

const file = (name: string, key: string, path: string): unknown => ({ secret: { name, items: [{ key, path }] } });

async function set(given: Given, name: string): Promise<StatefulSet> {
  const found = await given.read(RESOURCES.statefulSets, name);
  if (found === undefined) throw new Error(`no StatefulSet ${name}`);
  return found as StatefulSet;
}

async function gatewayConfig(given: Given): Promise<Readonly<Record<string, unknown>>> {
  const map = (await given.read(RESOURCES.configMaps, "chat-config")) as { data?: Record<string, string> } | undefined;
  return JSON.parse(map?.data?.["gateway.json"] ?? "{}") as Readonly<Record<string, unknown>>;
}

async function gatewayVolumes(given: Given): Promise<PodSpec["volumes"]> {
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  const spec = items.at(-1)?.["spec"] as { template: { spec: PodSpec } } | undefined;
  return spec?.template.spec.volumes ?? [];
}

async function patchSpec(given: Given, spec: unknown): Promise<void> {
  const ref = { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" };
  await given.kube.patch(ref, { type: "merge", body: { spec } });
}

/** Plays the controller of StatefulSets: pods of the newest template, so many of them ready. */
async function roll(given: Given, name: string, ready = 3): Promise<void> {
  const { metadata } = await set(given, name);
  const revision = `r${metadata.generation ?? 0}`;
  const status = {
    observedGeneration: metadata.generation,
    readyReplicas: ready,
    availableReplicas: ready,
    currentRevision: revision,
    updateRevision: revision,
  };
  const ref = { resource: RESOURCES.statefulSets, namespace: "shop", name };
  await given.kube.patch(ref, { type: "merge", body: { status } }, "status");
}

test("[RS6] mode sentinel makes three Redis and three sentinels that find one another by name", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, redis: sentinel });
  await given.pass();
  const made = await given.children();
  for (const name of ["chat-redis-nodes", "chat-sentinels"]) {
    for (const kind of ["StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"]) {
      expect(made).toContain(`${kind}/${name}`);
    }
    const { spec } = await set(given, name);
    expect(spec).toMatchObject({ replicas: 3, podManagementPolicy: "Parallel" });
    const matchLabels = {
      "belay.dev/cluster": "chat",
      "belay.dev/component": name === "chat-sentinels" ? "sentinel" : "redis-node",
    };
    const apart = { labelSelector: { matchLabels }, topologyKey: "kubernetes.io/hostname" };
    expect(spec.template.spec.affinity.podAntiAffinity).toEqual({
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: apart }],
    });
    const budget = (await given.read(RESOURCES.podDisruptionBudgets, name))?.["spec"];
    expect(budget).toMatchObject({ maxUnavailable: 1, selector: { matchLabels } });
    const service = (await given.read(RESOURCES.services, name))?.["spec"];
    expect(service).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
  }
  expect(made).not.toContain("StatefulSet/chat-redis");
  const env = (await set(given, "chat-sentinels")).spec.template.spec.containers[0]?.env ?? [];
  const value = (name: string): string | undefined => env.find((each) => each.name === name)?.value;
  expect(value("SELF")).toBe("$(POD_NAME).chat-sentinels.shop.svc:26379");
  expect(value("NODES")?.split(" ")[2]).toBe("chat-redis-nodes-2.chat-redis-nodes.shop.svc:6379");
  expect(value("IDS")).toMatch(/^[0-9a-f]{40} [0-9a-f]{40} [0-9a-f]{40}$/);
  expect((await gatewayConfig(given))["broker"]).toEqual({
    type: "redis",
    prefix: "belay:shop/chat:",
    mode: "sentinel",
    sentinels: [0, 1, 2].map((at) => ({ host: `chat-sentinels-${at}.chat-sentinels.shop.svc`, port: 26_379 })),
    masterName: "belay",
    passwordFile: "/etc/belay/redis/password",
    sentinelPasswordFile: "/etc/belay/redis/password",
  });
  expect((await gatewayVolumes(given)).find(({ name }) => name === "redis")).toEqual({
    name: "redis",
    secret: { secretName: "chat-redis-nodes", defaultMode: 0o440, items: [{ key: "password", path: "password" }] },
  });
});

test("[RS6] with persistence both keep a volume; anti-affinity and the settings of a failover are the spec's", async () => {
  const given = new Given();
  const failover = { antiAffinity: "required", downAfterMs: 2_000, minReplicasToWrite: 0 };
  const persistence = { size: "2Gi", storageClassName: "fast" };
  await given.cluster({ replicas: 1, redis: { ...sentinel, persistence, failover } });
  await given.pass();
  const nodes = (await set(given, "chat-redis-nodes")).spec;
  const sentinels = (await set(given, "chat-sentinels")).spec;
  expect(nodes.volumeClaimTemplates).toEqual(claim("2Gi"));
  expect(sentinels.volumeClaimTemplates).toEqual(claim("64Mi"));
  for (const each of [nodes, sentinels]) {
    expect(Object.keys(each.template.spec.affinity.podAntiAffinity)).toEqual([
      "requiredDuringSchedulingIgnoredDuringExecution",
    ]);
    expect(each.template.spec.containers[0]?.env).toContainEqual({ name: "DOWN_AFTER_MS", value: "2000" });
  }
  const data = (await given.read(RESOURCES.configMaps, "chat-redis-nodes"))?.["data"] as Record<string, string>;
  expect(data["redis.conf"]).toContain("min-replicas-to-write 0\n");
  expect(data["redis.conf"]).toContain("appendonly yes\n");
});

test("[RS7] nodes and sentinels are never replaced at once: nodes first, sentinels when all nodes are back", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, redis: sentinel });
  await given.pass();
  for (const name of ["chat-redis-nodes", "chat-sentinels"]) await roll(given, name);
  await given.pass();
  const before = (await set(given, "chat-sentinels")).metadata.generation;

  await patchSpec(given, { redis: { ...sentinel, failover: { antiAffinity: "required" } } });
  for (let pass = 0; pass < 3; pass++) await given.pass();
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const affinity = async (name: string): Promise<object> =>
    (await set(given, name)).spec.template.spec.affinity.podAntiAffinity;
  expect(await affinity("chat-redis-nodes")).toHaveProperty(required);
  expect((await set(given, "chat-sentinels")).metadata.generation).toBe(before);

  await roll(given, "chat-redis-nodes", 2);
  await given.pass();
  expect((await set(given, "chat-sentinels")).metadata.generation).toBe(before);
  await roll(given, "chat-redis-nodes");
  await given.pass();
  expect(await affinity("chat-sentinels")).toHaveProperty(required);
});

test("[RS7] a template of nodes that cannot start is corrected although nodes are missing", async () => {
  const given = new Given();
  const asking = (memory: string): unknown => ({ redis: { ...sentinel, resources: { requests: { memory } } } });
  await given.cluster({ replicas: 1, redis: sentinel });
  await given.pass();
  for (const name of ["chat-redis-nodes", "chat-sentinels"]) await roll(given, name);
  await patchSpec(given, asking("999Gi"));
  await given.pass();
  const wrong = (await set(given, "chat-redis-nodes")).metadata.generation ?? 0;
  await patchSpec(given, asking("1Gi"));
  await given.pass();
  expect((await set(given, "chat-redis-nodes")).metadata.generation).toBe(wrong + 1);
});

test("[RS8] sentinels of the user's: addresses and name are in the gateways' file, passwords and CA are mounted, RC4 holds", async () => {
  const given = new Given();
  await given.kube.create(RESOURCES.secrets, secret("login", ["username", "password"]));
  await given.kube.create(RESOURCES.secrets, secret("ours", ["root.pem"]));
  await given.cluster({
    replicas: 1,
    redis: {
      type: "external",
      sentinel: {
        masterName: "mymaster",
        nodes: [{ host: "s1.example" }, { host: "s2.example", port: 5000 }],
        usernameSecretRef: { name: "login" },
        passwordSecretRef: { name: "login" },
        sentinelPasswordSecretRef: { name: "login", key: "sentinels" },
        tls: true,
      },
      caSecretRef: { name: "ours", key: "root.pem" },
    },
  });
  await given.pass();
  const { message = "" } = (await given.condition("Degraded")) ?? {};
  expect(message).toContain('spec.redis.sentinel.sentinelPasswordSecretRef: Secret "login" has no key "sentinels"');
  expect(await given.condition("RedisReady")).toMatchObject({ status: "False", reason: "SecretMissing" });
  expect((await given.children()).filter((each) => each.startsWith("Deployment"))).toEqual([]);

  const ref = { resource: RESOURCES.secrets, namespace: "shop", name: "login" };
  await given.kube.patch(ref, { type: "merge", body: { data: { sentinels: "eA==" } } });
  await given.clock.advance(60_000);
  await given.pass();
  expect((await gatewayConfig(given))["broker"]).toEqual({
    type: "redis",
    prefix: "belay:shop/chat:",
    mode: "sentinel",
    sentinels: [
      { host: "s1.example", port: 26_379 },
      { host: "s2.example", port: 5000 },
    ],
    masterName: "mymaster",
    usernameFile: "/etc/belay/redis/username",
    passwordFile: "/etc/belay/redis/password",
    sentinelPasswordFile: "/etc/belay/redis/sentinel-password",
    tls: true,
    caFile: "/etc/belay/redis/ca.crt",
  });
  expect((await gatewayVolumes(given)).find(({ name }) => name === "redis")).toEqual({
    name: "redis",
    projected: {
      defaultMode: 0o440,
      sources: [
        file("login", "username", "username"),
        file("login", "password", "password"),
        file("login", "sentinels", "sentinel-password"),
        file("ours", "root.pem", "ca.crt"),
      ],
    },
  });
});
