import { RESOURCES } from "@belay/operator/internal";
import { expect, test } from "vitest";
import { Given } from "./given.ts";

async function brokerOf(given: Given): Promise<unknown> {
  const map = await given.read(RESOURCES.configMaps, "chat-config");
  const data = (map?.["data"] ?? {}) as Readonly<Record<string, string>>;
  return (JSON.parse(data["gateway.json"] ?? "{}") as Readonly<Record<string, unknown>>)["broker"];
}

const externalRedis = { type: "external", urlSecretRef: { name: "redis-url", key: "url" } };

test.each([
  ["an external Redis", externalRedis],
  ["an external cluster", { type: "external", cluster: { nodes: [{ host: "shard-0.example.com" }] } }],
  ["a managed Redis with Sentinel", { type: "managed", mode: "sentinel" }],
])("[RC17] durability of %s goes into the file where it is set, and nowhere else", async (_title, redis) => {
  const plain = new Given();
  await plain.cluster({ replicas: 1, redis });
  await plain.pass();
  expect(await brokerOf(plain)).not.toHaveProperty("durability");
  const given = new Given();
  await given.cluster({ replicas: 1, redis: { ...redis, durability: "replicated" } });
  await given.pass();
  expect(await brokerOf(given)).toMatchObject({ type: "redis", durability: "replicated" });
});

const labels = (component: string): unknown => expect.objectContaining({ "belay.dev/component": component }) as unknown;

test("[RC17] gateways may connect to every node of a managed Redis with Sentinel, replicas too", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, redis: { type: "managed", mode: "sentinel", durability: "replicated" } });
  await given.pass();
  const spec = (await given.read(RESOURCES.networkPolicies, "chat-redis-nodes"))?.["spec"];
  expect(spec).toMatchObject({
    podSelector: { matchLabels: labels("redis-node") },
    ingress: [
      {
        from: expect.arrayContaining([{ podSelector: { matchLabels: labels("gateway") } }]) as unknown,
        ports: [{ port: 6379, protocol: "TCP" }],
      },
    ],
  });
});
