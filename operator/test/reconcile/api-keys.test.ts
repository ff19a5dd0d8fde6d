import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given, type Manifest } from "./given.ts";

const secretRef = { name: "backend", key: "key" };

async function volumesOf(given: Given): Promise<readonly { readonly name: string }[]> {
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  const spec = items.at(-1)?.["spec"] as { template: { spec: { volumes: readonly { readonly name: string }[] } } };
  return spec.template.spec.volumes;
}

test("[RC15] further API keys are mounted once their Secrets are there, with their scopes in the gateways' file", async () => {
  const given = new Given();
  const key = { name: "news", secretRef, methods: ["publish"], channels: ["news:*"] };
  await given.cluster({ replicas: 1, api: { keys: [key] } });
  await given.pass();
  const { message = "" } = (await given.condition("Degraded")) ?? {};
  expect(message).toContain('spec.api.keys[0].secretRef: Secret "backend" does not exist');

  const data = { key: "eA==" };
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "backend", namespace: "shop" }, data };
  await given.kube.create<Manifest>(RESOURCES.secrets, secret);
  await given.clock.advance(3_000);
  await given.pass();
  expect((await volumesOf(given)).find(({ name }) => name === "api-keys")).toMatchObject({
    projected: { sources: [{ secret: { name: "backend", items: [{ key: "key", path: "news" }] } }] },
  });
  const map = (await given.read(RESOURCES.configMaps, "chat-config")) as { data?: Record<string, string> } | undefined;
  expect(JSON.parse(map?.data?.["gateway.json"] ?? "{}")).toMatchObject({
    api: {
      keyFile: "/etc/belay/keys/api-key",
      keys: [{ name: "news", keyFile: "/etc/belay/api-keys/news", methods: ["publish"], channels: ["news:*"] }],
    },
  });
});
