import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given, type Manifest } from "./given.ts";

const NODES = [{ host: "r1.example" }, { host: "r2.example", port: 7000 }];

const secret = (name: string, keys: readonly string[]): Manifest => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "shop" },
  data: Object.fromEntries(keys.map((key) => [key, "eA=="])),
});

async function brokerOf(given: Given): Promise<unknown> {
  const map = (await given.read(RESOURCES.configMaps, "chat-config")) as { data?: Record<string, string> } | undefined;
  return (JSON.parse(map?.data?.["gateway.json"] ?? "{}") as Readonly<Record<string, unknown>>)["broker"];
}

interface Deployment extends Manifest {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: { readonly volumes: readonly { readonly name: string }[] };
    };
  };
}

async function deployments(given: Given): Promise<readonly Deployment[]> {
  return (await given.kube.list<Deployment>(RESOURCES.deployments, { namespace: "shop" })).items;
}

async function redisIs(given: Given, redis: unknown): Promise<void> {
  const ref = { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" };
  await given.kube.patch(ref, { type: "json", operations: [{ op: "replace", path: "/spec/redis", value: redis }] });
  await given.pass();
}

async function clusterWith(redis: unknown): Promise<Given> {
  const given = new Given();
  await given.cluster({ replicas: 1, redis });
  await given.pass();
  return given;
}

test("[RS11] a Redis Cluster of the user's: nodes are in the gateways' file, user, password and CA are mounted, RC4 holds", async () => {
  const given = new Given();
  await given.kube.create(RESOURCES.secrets, secret("ours", ["root.pem"]));
  await given.cluster({
    replicas: 1,
    redis: {
      type: "external",
      cluster: {
        nodes: NODES,
        usernameSecretRef: { name: "login" },
        passwordSecretRef: { name: "login" },
        tls: true,
      },
      caSecretRef: { name: "ours", key: "root.pem" },
      durability: "replicated",
    },
  });
  await given.pass();
  expect(await given.condition("RedisReady")).toMatchObject({ status: "False", reason: "SecretMissing" });
  const { message = "" } = (await given.condition("Degraded")) ?? {};
  expect(message).toContain('spec.redis.cluster.usernameSecretRef: Secret "login" does not exist');
  expect(await deployments(given)).toEqual([]);

  await given.kube.create(RESOURCES.secrets, secret("login", ["username", "password"]));
  await given.clock.advance(60_000);
  await given.pass();
  expect(await brokerOf(given)).toEqual({
    type: "redis",
    prefix: "belay:shop/chat:",
    mode: "cluster",
    nodes: [
      { host: "r1.example", port: 6379 },
      { host: "r2.example", port: 7000 },
    ],
    usernameFile: "/etc/belay/redis/username",
    passwordFile: "/etc/belay/redis/password",
    tls: true,
    caFile: "/etc/belay/redis/ca.crt",
    durability: "replicated",
  });
  const [deployment] = await deployments(given);
  const files = [
    ["login", "username", "username"],
    ["login", "password", "password"],
    ["ours", "root.pem", "ca.crt"],
  ].map(([name, key, path]) => ({ secret: { name, items: [{ key, path }] } }));
  expect(deployment?.spec.template.spec.volumes.find(({ name }) => name === "redis")).toEqual({
    name: "redis",
    projected: { defaultMode: 0o440, sources: files },
  });
  expect((await given.children()).filter((each) => each.includes("redis") || each.includes("sentinel"))).toEqual([]);
});

test.each([
  ["nodes", { cluster: { nodes: NODES } }, { cluster: { nodes: [...NODES, { host: "r3.example" }] } }],
  [
    "sentinels",
    { sentinel: { masterName: "main", nodes: NODES } },
    { sentinel: { masterName: "main", nodes: NODES.slice(1) } },
  ],
])("[RS12] another list of %s is in the file of the pods that run, and replaces none", async (_, before, after) => {
  const given = await clusterWith({ type: "external", ...before });
  const revisions = (await deployments(given)).map(({ metadata }) => metadata.name);
  const broker = await brokerOf(given);
  await redisIs(given, { type: "external", ...after });
  expect(await brokerOf(given)).not.toEqual(broker);
  expect((await deployments(given)).map(({ metadata }) => metadata.name)).toEqual(revisions);
});

test.each([
  ["a cluster in place of sentinels", { cluster: { nodes: NODES } }],
  ["another name of the primary", { sentinel: { masterName: "other", nodes: NODES } }],
])("[RS12] %s replaces the pods, also where no Secret is named", async (_, after) => {
  const given = await clusterWith({ type: "external", sentinel: { masterName: "main", nodes: NODES } });
  const [before] = await deployments(given);
  await redisIs(given, { type: "external", ...after });
  const names = (await deployments(given)).map(({ metadata }) => metadata.name);
  expect(names).toHaveLength(2);
  expect(names).toContain(before?.metadata.name);
});
