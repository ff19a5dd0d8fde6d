import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import { promisify } from "node:util";
import {
  Access,
  type ConnectionCount,
  ensureApiService,
  type KubeClient,
  type KubeObject,
  MetricsServer,
  readFrontProxy,
  type Resource,
  RESOURCES,
  sharedCertificate,
  systemClock,
} from "@belay/operator/internal";
import { ControlPlane, type ControlPlaneClient, controlPlaneBinaries, eventually } from "@belay/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const bin = controlPlaneBinaries();
const run = promisify(execFile);
const group = "/apis/custom.metrics.k8s.io/v1beta2";
const path = `${group}/namespaces/default/realtimeclusters.belay.dev/chat/connections`;
const service = { namespace: "default", name: "belay-metrics" };
const dnsNames = [`${service.name}.${service.namespace}.svc`];

interface Loose extends KubeObject {
  readonly [field: string]: unknown;
}

const create = (client: KubeClient, resource: Resource, object: Omit<Loose, "apiVersion" | "kind">): Promise<Loose> =>
  client.create<Loose>(resource, { ...object, apiVersion: resource.apiVersion, kind: resource.kind } as Loose);

describe.skipIf(bin === undefined)("the metrics API behind a real aggregator", () => {
  let plane: ControlPlane;
  let admin: ControlPlaneClient;
  let server: MetricsServer;
  let count: ConnectionCount | undefined;
  let port = 0;

  const certificate = () =>
    sharedCertificate({ client: admin.client, clock: systemClock, ...service, name: "belay-metrics-cert", dnsNames });
  const register = async () =>
    ensureApiService({
      client: admin.client,
      ca: (await certificate()).ca,
      service: { ...service, port },
      ownerClusterRole: "belay-metrics",
    });

  beforeAll(async () => {
    plane = await ControlPlane.start(bin ?? "");
    admin = await plane.connect();
    const { client } = admin;
    const frontProxy = await eventually("the API server has published its front proxy", 20_000, () =>
      readFrontProxy(client).catch(() => undefined),
    );
    server = new MetricsServer({
      host: "127.0.0.1",
      port: 0,
      certificate: await certificate(),
      frontProxy,
      access: new Access(client, systemClock),
      counts: { get: (namespace, name) => (namespace === "default" && name === "chat" ? count : undefined) },
      clock: systemClock,
    });
    port = await server.start();
    // Without nodes there are no endpoints; by this name the aggregator finds our process.
    await create(client, RESOURCES.services, {
      metadata: service,
      spec: { type: "ExternalName", externalName: "localhost", ports: [{ port }] },
    });
    await create(client, RESOURCES.clusterRoles, { metadata: { name: "belay-metrics" }, rules: [] });
  });
  afterAll(async () => {
    await server.close();
    await admin[Symbol.asyncDispose]();
    await plane[Symbol.asyncDispose]();
  });

  async function kubectl(user: "admin" | "nobody", ...args: readonly string[]): Promise<string> {
    const { stdout } = await run(plane.kubectl, [`--kubeconfig=${plane.kubeconfig(user)}`, ...args]);
    return stdout;
  }

  /** As any client sees it: through the API server, its authentication, its proxy and our review. */
  const raw = async (user: "admin" | "nobody"): Promise<{ items: { value: string }[] }> =>
    JSON.parse(await kubectl(user, "get", "--raw", path)) as { items: { value: string }[] };

  test("[MA5] the APIService is registered and found available by the aggregator", async () => {
    expect(await register()).toEqual({ kind: "ours" });
    expect(await register()).toEqual({ kind: "ours" });
    await eventually("the API is available", 30_000, async () => {
      const api = await admin.client.get<Loose>({
        resource: RESOURCES.apiServices,
        name: "v1beta2.custom.metrics.k8s.io",
      });
      return JSON.stringify(api?.["status"]).includes('"reason":"Passed"');
    });
  });

  test("[MA1] `kubectl get --raw` through the aggregator answers the count", async () => {
    count = { value: 42, atMs: systemClock.nowMs() };
    await eventually("it answers", 20_000, async () => (await raw("admin")).items[0]?.value === "42");
    expect(await raw("admin")).toMatchObject({
      kind: "MetricValueList",
      items: [{ describedObject: { kind: "RealtimeCluster", name: "chat" }, metric: { name: "connections" } }],
    });
    const discovered = await kubectl("admin", "get", "--raw", group);
    expect(JSON.parse(discovered)).toMatchObject({ kind: "APIResourceList", resources: [{ verbs: ["get"] }] });
  });

  test("[MA2] unknown and stale arrive at the client as 404 and 503", async () => {
    count = undefined;
    await expect(raw("admin")).rejects.toThrow("NotFound");
    count = { value: 1, atMs: systemClock.nowMs() - 15_001 };
    await expect(raw("admin")).rejects.toThrow("ServiceUnavailable");
  });

  test("[MA3] a user without the right is refused, by the API server and by our own review", async () => {
    count = { value: 1, atMs: systemClock.nowMs() };
    await expect(raw("nobody")).rejects.toThrow("Forbidden");
    const asks = { resource: "realtimeclusters.belay.dev", namespace: "default", name: "chat" } as const;
    const access = new Access(admin.client, systemClock);
    const nobody = { user: "nobody", groups: [], extra: {} };
    expect(await access.mayRead(nobody, asks)).toBe(false);
    await create(admin.client, RESOURCES.clusterRoles, {
      metadata: { name: "reads-metrics" },
      rules: [
        {
          apiGroups: ["custom.metrics.k8s.io"],
          resources: ["realtimeclusters.belay.dev/connections"],
          verbs: ["get"],
        },
      ],
    });
    const bindings = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      plural: "clusterrolebindings",
      namespaced: false,
    };
    await create(admin.client, bindings, {
      metadata: { name: "reads-metrics" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "reads-metrics" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "nobody" }],
    });
    await eventually("the right has arrived", 15_000, () =>
      new Access(admin.client, systemClock).mayRead(nobody, asks),
    );
    count = { value: 7, atMs: systemClock.nowMs() };
    await eventually("a refusal is forgotten after a while", 15_000, async () => {
      count = { value: 7, atMs: systemClock.nowMs() };
      return (await raw("nobody")).items[0]?.value === "7";
    });
  });

  test("[MA6] a new certificate is taken into use without a restart, and the old one is trusted until then", async () => {
    const before = await certificate();
    await admin.client.patch(
      { resource: RESOURCES.secrets, namespace: "default", name: "belay-metrics-cert" },
      { type: "merge", body: { data: { "tls.crt": Buffer.from("not a certificate").toString("base64") } } },
    );
    const after = await certificate();
    expect(after.cert).not.toBe(before.cert);
    // A new bundle makes the API server connect anew, and it finds the old certificate.
    await register();
    count = { value: 9, atMs: systemClock.nowMs() };
    expect((await raw("admin")).items[0]?.value).toBe("9");
    server.renew(after, await readFrontProxy(admin.client));
    const socket = connect({ host: "127.0.0.1", port, ca: after.ca, servername: dnsNames[0] });
    await once(socket, "secureConnect");
    expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(new X509Certificate(after.cert).fingerprint256);
    socket.destroy();
    expect((await raw("admin")).items[0]?.value).toBe("9");
  });

  test("[MA5] what somebody else has put in our place is named and left alone", async () => {
    const theirs = { service: { namespace: "monitoring", name: "adapter", port: 443 }, caBundle: null };
    const ref = { resource: RESOURCES.apiServices, name: "v1beta2.custom.metrics.k8s.io" };
    const patched = await admin.client.patch<Loose>(ref, {
      type: "merge",
      body: { spec: { ...theirs, insecureSkipTLSVerify: true } },
    });
    expect(await register()).toEqual({ kind: "foreign", service: "monitoring/adapter" });
    expect((await admin.client.get<Loose>(ref))?.["spec"]).toEqual(patched["spec"]);
  });
});
