import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given, type Manifest } from "./given.ts";

interface PodSpec {
  readonly volumes: readonly { readonly name: string; readonly projected?: unknown }[];
}

async function podSpec(given: Given): Promise<PodSpec | undefined> {
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  return (items.at(-1)?.["spec"] as { template: { spec: PodSpec } } | undefined)?.template.spec;
}

async function gatewayConfig(given: Given): Promise<Readonly<Record<string, unknown>>> {
  const map = (await given.read(RESOURCES.configMaps, "chat-config")) as { data?: Record<string, string> } | undefined;
  return JSON.parse(map?.data?.["gateway.json"] ?? "{}") as Readonly<Record<string, unknown>>;
}

test("[HK1] hooks are in the gateways' file as they stand, and replace no pod", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  expect(await gatewayConfig(given)).not.toHaveProperty("hooks");
  const before = await podSpec(given);

  const asked = new Given();
  const hooks = {
    connect: { url: "http://shop/connect", timeoutMs: 500, headers: ["Cookie"] },
    rpc: { url: "https://shop.example/rpc", concurrency: 4, maxWaiting: 0, maxResponseBytes: 1024, encoding: "binary" },
  };
  await asked.cluster({ replicas: 1, hooks });
  await asked.pass();
  expect((await gatewayConfig(asked))["hooks"]).toEqual(hooks);
  expect(await podSpec(asked)).toEqual(before);
});

test("[HK2] the signing secret and a private CA are mounted together, once their Secrets are there", async () => {
  const given = new Given();
  const hooks = {
    rpc: { url: "https://shop/rpc" },
    secretRef: { name: "signing" },
    caSecretRef: { name: "shop-ca", key: "root.pem" },
  };
  await given.kube.create<Manifest>(RESOURCES.secrets, secret("signing", "secret"));
  await given.cluster({ replicas: 1, hooks });
  await given.pass();
  expect(await podSpec(given)).toBeUndefined();
  expect((await given.condition("Degraded"))?.message).toContain(
    'spec.hooks.caSecretRef: Secret "shop-ca" does not exist',
  );
  await given.kube.create<Manifest>(RESOURCES.secrets, secret("shop-ca", "root.pem"));
  await given.clock.advance(60_000);
  await given.pass();
  expect((await podSpec(given))?.volumes.find(({ name }) => name === "hooks")?.projected).toEqual({
    defaultMode: 0o440,
    sources: [
      { secret: { name: "signing", items: [{ key: "secret", path: "secret" }] } },
      { secret: { name: "shop-ca", items: [{ key: "root.pem", path: "ca.crt" }] } },
    ],
  });
  expect((await gatewayConfig(given))["hooks"]).toEqual({
    rpc: { url: "https://shop/rpc" },
    secretFile: "/etc/belay/hooks/secret",
    caFile: "/etc/belay/hooks/ca.crt",
  });
});

function secret(name: string, key: string): Manifest {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "shop" },
    data: { [key]: "eA==" },
  };
}
