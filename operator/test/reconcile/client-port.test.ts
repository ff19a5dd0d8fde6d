import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given, type Manifest } from "./given.ts";

interface PodSpec {
  readonly volumes: readonly { readonly name: string }[];
  readonly containers: readonly {
    readonly volumeMounts: readonly { readonly name: string }[];
    readonly readinessProbe: { readonly httpGet: { readonly port: string } };
  }[];
}

async function podSpec(given: Given): Promise<PodSpec> {
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  const last = items.at(-1);
  if (last === undefined) throw new Error("no Deployment");
  return (last["spec"] as { template: { spec: PodSpec } }).template.spec;
}

async function config(given: Given): Promise<Record<string, unknown>> {
  const map = (await given.read(RESOURCES.configMaps, "chat-config")) as { data?: Record<string, string> } | undefined;
  return JSON.parse(map?.data?.["gateway.json"] ?? "{}") as Record<string, unknown>;
}

test("[RC13] what the client port is made of is in the gateways' file only where it was asked for", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  expect(Object.keys(await config(given)).filter((key) => ["transports", "tls", "proxies"].includes(key))).toEqual([]);

  const asked = new Given();
  const transports = { allowedOrigins: ["https://app.example"], compression: { enabled: true } };
  await asked.cluster({
    replicas: 1,
    transports,
    tls: { requireTLS: true },
    proxies: { forwardedFrom: ["10.0.0.0/8"] },
  });
  await asked.pass();
  expect(await config(asked)).toMatchObject({
    transports: {
      allowedOrigins: ["https://app.example"],
      compression: { enabled: true, level: 1, thresholdBytes: 512 },
    },
    tls: { requireTLS: true, minVersion: "1.2" },
    proxies: { forwardedFrom: ["10.0.0.0/8"] },
  });
});

test("[RC16] limits are in the gateways' file as they were given", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, limits: { commandsPerSecond: 7 } });
  await given.pass();
  expect(await config(given)).toMatchObject({ limits: { commandsPerSecond: 7 } });
});

test("[RC13] a certificate is mounted once its Secret is there, and the Service says wss; probes use the control port", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1, tls: { secretRef: { name: "cert" } } });
  await given.pass();
  expect((await given.children()).filter((each) => each.startsWith("Deployment"))).toEqual([]);
  const { message = "" } = (await given.condition("Degraded")) ?? {};
  expect(message).toContain('spec.tls.secretRef: Secret "cert" does not exist');
  expect(message).toContain("kubectl -n shop create secret tls cert --cert=… --key=…");

  const data = { "tls.crt": "eA==", "tls.key": "eA==" };
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "cert", namespace: "shop" }, data };
  await given.kube.create<Manifest>(RESOURCES.secrets, secret);
  await given.clock.advance(3_000);
  await given.pass();
  const { volumes, containers } = await podSpec(given);
  expect(volumes.find(({ name }) => name === "tls")).toMatchObject({ secret: { secretName: "cert" } });
  expect(containers[0]?.volumeMounts).toContainEqual({ name: "tls", mountPath: "/etc/belay/tls", readOnly: true });
  expect(containers[0]?.readinessProbe.httpGet.port).toBe("control");
  expect(await config(given)).toMatchObject({
    tls: { certFile: "/etc/belay/tls/tls.crt", keyFile: "/etc/belay/tls/tls.key", minVersion: "1.2" },
  });
  const service = (await given.read(RESOURCES.services, "chat")) as { spec?: unknown } | undefined;
  expect(service?.spec).toMatchObject({ ports: [{ appProtocol: "kubernetes.io/wss" }] });
});
