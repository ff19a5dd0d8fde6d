import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given, type Manifest } from "./given.ts";

interface PodSpec {
  readonly volumes: readonly { readonly name: string; readonly projected?: unknown }[];
  readonly containers: readonly {
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
}

async function podSpec(given: Given): Promise<PodSpec | undefined> {
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  return (items.at(-1)?.["spec"] as { template: { spec: PodSpec } } | undefined)?.template.spec;
}

async function authConfig(given: Given): Promise<unknown> {
  const map = (await given.read(RESOURCES.configMaps, "chat-config")) as { data?: Record<string, string> } | undefined;
  return (JSON.parse(map?.data?.["gateway.json"] ?? "{}") as { auth?: unknown }).auth;
}

const keys = [
  { secretRef: { name: "jwt", key: "current" }, type: "pem", algorithms: ["RS256"] },
  { secretRef: { name: "jwt", key: "current" }, type: "pem", kid: "again" },
  { secretRef: { name: "partner", key: "jwks.json" }, type: "jwks" },
];

async function secret(given: Given, name: string, key: string): Promise<void> {
  await given.kube.create<Manifest>(RESOURCES.secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "shop" },
    data: { [key]: "eA==" },
  });
}

test("[TK1] keys of tokens are mounted together, in files named by Secret and key, once their Secrets are there", async () => {
  const given = new Given();
  await secret(given, "jwt", "current");
  await given.cluster({ replicas: 1, auth: { keys } });
  await given.pass();
  expect(await podSpec(given)).toBeUndefined();
  expect((await given.condition("Degraded"))?.message).toContain(
    'spec.auth.keys[2].secretRef: Secret "partner" does not exist',
  );

  await secret(given, "partner", "jwks.json");
  await given.clock.advance(60_000);
  await given.pass();
  const { volumes = [], containers = [] } = (await podSpec(given)) ?? {};
  expect(volumes.find(({ name }) => name === "token-keys")?.projected).toEqual({
    defaultMode: 0o440,
    sources: [
      { secret: { name: "jwt", items: [{ key: "current", path: "jwt/current" }] } },
      { secret: { name: "partner", items: [{ key: "jwks.json", path: "partner/jwks.json" }] } },
    ],
  });
  expect(containers[0]?.volumeMounts).toContainEqual({
    name: "token-keys",
    mountPath: "/etc/belay/token-keys",
    readOnly: true,
  });
  expect(await authConfig(given)).toEqual({
    anonymous: false,
    hmacSecretFile: "/etc/belay/auth/hmac",
    keys: [
      { file: "/etc/belay/token-keys/jwt/current", type: "pem", algorithms: ["RS256"] },
      { file: "/etc/belay/token-keys/jwt/current", type: "pem", kid: "again" },
      { file: "/etc/belay/token-keys/partner/jwks.json", type: "jwks" },
    ],
  });
});

test("[TK2] what a token has to say is in the gateways' file only where it was asked for, and replaces no pod", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  expect(await authConfig(given)).toEqual({ anonymous: false, hmacSecretFile: "/etc/belay/auth/hmac" });
  const before = await podSpec(given);

  const asked = new Given();
  const auth = {
    jwks: [{ url: "https://id.example/jwks", issuer: "https://id.example" }],
    oidc: [{ issuer: "https://login.example/realms/shop", algorithms: ["ES256"] }],
    audiences: ["belay"],
    issuers: ["https://id.example", "https://login.example/realms/shop"],
    clockSkewSeconds: 0,
  };
  await asked.cluster({ replicas: 1, auth });
  await asked.pass();
  expect(await authConfig(asked)).toEqual({ anonymous: false, hmacSecretFile: "/etc/belay/auth/hmac", ...auth });
  expect(await podSpec(asked)).toEqual(before);
});

test("[TK1] certificates that are trusted for key sets are mounted beside the keys", async () => {
  const given = new Given();
  await secret(given, "company-ca", "ca.crt");
  const auth = { jwks: [{ url: "https://id.internal/jwks" }], caSecretRef: { name: "company-ca", key: "ca.crt" } };
  await given.cluster({ replicas: 1, auth });
  await given.pass();
  const { volumes = [] } = (await podSpec(given)) ?? {};
  expect(volumes.find(({ name }) => name === "token-keys")?.projected).toMatchObject({
    sources: [{ secret: { name: "company-ca", items: [{ key: "ca.crt", path: "company-ca/ca.crt" }] } }],
  });
  expect(await authConfig(given)).toMatchObject({ caFile: "/etc/belay/token-keys/company-ca/ca.crt" });
});
