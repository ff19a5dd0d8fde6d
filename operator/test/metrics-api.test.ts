import { once } from "node:events";
import { request } from "node:https";
import {
  Access,
  type ConnectionCounts,
  ensureApiService,
  type FrontProxy,
  makeServingCertificate,
  MetricsServer,
  needsRenewal,
  proxiedUser,
  trustBoth,
  RESOURCES,
  sharedCertificate,
} from "@belay/operator/internal";
import { FakeClock, MemoryKube } from "@belay/testkit";
import { expect, test } from "vitest";

const path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/realtimeclusters.belay.dev/chat/connections";
const names = ["metrics.belay.svc"];

interface Asked {
  readonly status: number;
  readonly body: { readonly items?: readonly unknown[]; readonly message?: string; readonly kind?: string };
}

/** A metrics server with a front proxy that speaks with a certificate of a CA of its own. */
async function serve(counts: ConnectionCounts, mayRead: () => Promise<boolean> = () => Promise.resolve(true)) {
  const clock = new FakeClock();
  const [certificate, proxy, stranger] = await Promise.all([
    makeServingCertificate(names, new Date()),
    makeServingCertificate(["front-proxy-client"], new Date(), "clientAuth"),
    makeServingCertificate(["front-proxy-client"], new Date(), "clientAuth"),
  ]);
  const frontProxy: FrontProxy = {
    ca: proxy.ca,
    allowedNames: ["front-proxy-client"],
    usernameHeaders: ["X-Remote-User"],
    groupHeaders: ["X-Remote-Group"],
    extraPrefixes: ["X-Remote-Extra-"],
  };
  const server = new MetricsServer({
    host: "127.0.0.1",
    port: 0,
    certificate,
    frontProxy,
    access: { mayRead },
    counts,
    clock,
  });
  const port = await server.start();
  const ask = async (
    as: "api-server" | "stranger" | "nobody",
    headers: Record<string, string> = { "X-Remote-User": "hpa" },
    where = path,
  ): Promise<Asked> => {
    const who = as === "api-server" ? proxy : stranger;
    const client = request({
      host: "127.0.0.1",
      port,
      path: where,
      headers,
      ca: certificate.ca,
      servername: names[0],
      agent: false,
      ...(as !== "nobody" && { cert: who.cert, key: who.key }),
    });
    client.end();
    const [response] = (await once(client, "response")) as [AsyncIterable<Buffer> & { statusCode: number }];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return { status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString("utf8")) as Asked["body"] };
  };
  return { clock, ask, [Symbol.asyncDispose]: () => server.close() };
}

test("[MA1] the count is answered as a MetricValueList, and discovery lists it", async () => {
  await using it = await serve({
    get: (namespace, name) => (namespace === "shop" && name === "chat" ? { value: 42, atMs: 0 } : undefined),
  });
  const { status, body } = await it.ask("api-server");
  expect([status, body.kind]).toEqual([200, "MetricValueList"]);
  expect(body.items).toMatchObject([
    {
      describedObject: { kind: "RealtimeCluster", namespace: "shop", name: "chat" },
      metric: { name: "connections" },
      value: "42",
    },
  ]);
  const discovered = await it.ask("api-server", { "X-Remote-User": "x" }, "/apis/custom.metrics.k8s.io/v1beta2");
  expect(discovered.body.kind).toBe("APIResourceList");
});

test("[MA2] unknown is 404, old is 503, neither is a number", async () => {
  let count: { value: number; atMs: number } | undefined;
  await using it = await serve({ get: () => count });
  expect((await it.ask("api-server")).status).toBe(404);
  count = { value: 7, atMs: 0 };
  await it.clock.advance(15_001);
  const { status, body } = await it.ask("api-server");
  expect([status, body.items]).toEqual([503, undefined]);
});

test("[MA3] without the front proxy's certificate, without a user or without permission there is no answer", async () => {
  let allowed = false;
  await using it = await serve({ get: () => ({ value: 1, atMs: 0 }) }, () => Promise.resolve(allowed));
  expect((await it.ask("stranger")).status).toBe(401);
  expect((await it.ask("nobody")).status).toBe(401);
  expect((await it.ask("api-server", {})).status).toBe(401);
  expect((await it.ask("api-server")).status).toBe(403);
  allowed = true;
  expect((await it.ask("api-server")).status).toBe(200);
});

test("[MA3] the review names user, groups, metric and cluster, and its answer is remembered for a while", async () => {
  const kube = new MemoryKube();
  const clock = new FakeClock();
  const access = new Access(kube, clock);
  const user = { user: "hpa", groups: ["g"], extra: {} };
  expect(await access.mayRead(user, { namespace: "shop", name: "chat" })).toBe(true);
  await access.mayRead(user, { namespace: "shop", name: "chat" });
  expect(kube.calls).toEqual(["create subjectaccessreviews"]);
  await clock.advance(10_001);
  await access.mayRead(user, { namespace: "shop", name: "chat" });
  expect(kube.calls).toHaveLength(2);
});

const proxyHeaders: FrontProxy = {
  ca: "",
  allowedNames: [],
  usernameHeaders: ["X-Remote-User"],
  groupHeaders: ["X-Remote-Group"],
  extraPrefixes: ["X-Remote-Extra-"],
};

test("[MA3] a group whose name looks like two is one, and an extra key that is badly encoded stands for itself", () => {
  expect(
    proxiedUser(proxyHeaders, {
      "x-remote-user": ["jane"],
      "x-remote-group": ["harmless, system:masters", "other"],
      "x-remote-extra-example.com%2fscopes": ["a"],
      "x-remote-extra-%zz": ["b"],
    }),
  ).toEqual({
    user: "jane",
    groups: ["harmless, system:masters", "other"],
    extra: { "example.com/scopes": ["a"], "%zz": ["b"] },
  });
  expect(proxiedUser(proxyHeaders, { "x-remote-user": [""], "x-remote-group": ["system:masters"] })).toBeUndefined();
});

test("[MA3] paths that are no metric are 404, whatever they contain", async () => {
  await using it = await serve({ get: () => ({ value: 1, atMs: 0 }) });
  const headers = { "X-Remote-User": "x" };
  const hostile = ["//", "/%", "/..", `${path}/../..`, path.replace("shop", "sh%2fop"), `${path}x`, "*"];
  for (const each of hostile) expect([each, (await it.ask("api-server", headers, each)).status]).toEqual([each, 404]);
  expect((await it.ask("api-server", headers, `${path}?metricLabelSelector=a%3Db`)).status).toBe(200);
});

test("[MA4] while the API server hangs one review waits, not one per request; what failed is asked again", async () => {
  const kube = new MemoryKube();
  const access = new Access(kube, new FakeClock());
  const hanging = Promise.withResolvers<Error>();
  kube.fault = () => hanging.promise;
  const user = { user: "hpa", groups: [], extra: {} };
  const asked = Array.from({ length: 20 }, () => access.mayRead(user, { namespace: "shop", name: "chat" }));
  hanging.resolve(new TypeError("fetch failed"));
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  expect(kube.calls).toHaveLength(1);
  kube.fault = () => undefined;
  expect(await access.mayRead(user, { namespace: "shop", name: "chat" })).toBe(true);
});

test("[MA4] when the API server does not say whether the user may, the answer comes all the same after 1 s", async () => {
  const { promise } = Promise.withResolvers<boolean>();
  const asked = Promise.withResolvers<void>();
  await using it = await serve({ get: () => ({ value: 1, atMs: 0 }) }, () => {
    asked.resolve();
    return promise;
  });
  const answer = it.ask("api-server");
  await asked.promise;
  await it.clock.advance(1_000);
  expect((await answer).status).toBe(503);
});

test("[MA5] a foreign APIService is named and left alone; ours is owned by the chart's ClusterRole", async () => {
  const kube = new MemoryKube();
  const name = "v1beta2.custom.metrics.k8s.io";
  const options = {
    client: kube,
    ca: "CA",
    service: { namespace: "belay", name: "metrics", port: 443 },
    ownerClusterRole: "belay-metrics",
  };
  await kube.create(RESOURCES.clusterRoles, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "belay-metrics" },
  });
  expect(await ensureApiService(options)).toEqual({ kind: "ours" });
  const ours = await kube.get({ resource: RESOURCES.apiServices, name });
  expect(ours?.metadata.ownerReferences).toMatchObject([{ kind: "ClusterRole", name: "belay-metrics" }]);

  await kube.patch(
    { resource: RESOURCES.apiServices, name },
    { type: "merge", body: { spec: { service: { namespace: "monitoring", name: "adapter" } } } },
  );
  const before = await kube.get({ resource: RESOURCES.apiServices, name });
  expect(await ensureApiService(options)).toEqual({ kind: "foreign", service: "monitoring/adapter" });
  expect(await kube.get({ resource: RESOURCES.apiServices, name })).toEqual(before);
});

test("[MA6] replicas share one certificate; it is made anew 90 days before it ends, or when a name is missing", async () => {
  const kube = new MemoryKube();
  const clock = new FakeClock();
  const options = { client: kube, clock, namespace: "belay", name: "belay-metrics-tls", dnsNames: names };
  const [first, second] = await Promise.all([sharedCertificate(options), sharedCertificate(options)]);
  expect(second).toEqual(first);
  expect(needsRenewal(first, names, clock.date())).toBe(false);
  expect(needsRenewal(first, [...names, "other.svc"], clock.date())).toBe(true);
  await clock.advance(276 * 24 * 3_600_000);
  expect(await sharedCertificate(options)).not.toEqual(first);
  await kube.patch(
    { resource: RESOURCES.secrets, namespace: "belay", name: "belay-metrics-tls" },
    { type: "merge", body: { data: { "tls.crt": "bm90IGEgY2VydA==" } } },
  );
  const repaired = await sharedCertificate(options);
  expect(repaired.cert).toContain("BEGIN CERTIFICATE");
});

test("[MA5] somebody who is faster than our look is found on the second look", async () => {
  const kube = new MemoryKube();
  await kube.create(RESOURCES.clusterRoles, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "belay-metrics" },
  });
  const foreign = {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1beta2.custom.metrics.k8s.io" },
    spec: { service: { namespace: "monitoring", name: "adapter" } },
  };
  let came = false;
  kube.fault = async (verb, { plural }) => {
    if (verb !== "create" || plural !== "apiservices" || came) return undefined;
    came = true;
    await kube.create(RESOURCES.apiServices, foreign);
    return undefined;
  };
  const service = { namespace: "belay", name: "metrics", port: 443 };
  expect(await ensureApiService({ client: kube, ca: "CA", service, ownerClusterRole: "belay-metrics" })).toEqual({
    kind: "foreign",
    service: "monitoring/adapter",
  });
  expect(await kube.get({ resource: RESOURCES.apiServices, name: foreign.metadata.name })).toMatchObject(foreign);
});

test("[MA6] a key or a CA that does not fit the certificate is made anew; a renewed one is trusted beside the one before", async () => {
  const date = new Date();
  const [mine, other] = await Promise.all([makeServingCertificate(names, date), makeServingCertificate(names, date)]);
  expect(needsRenewal(mine, names, date)).toBe(false);
  expect(needsRenewal({ ...mine, key: other.key }, names, date)).toBe(true);
  expect(needsRenewal({ ...mine, ca: other.ca }, names, date)).toBe(true);
  for (const rubbish of ["", "rubbish", mine.cert.slice(0, 200)])
    for (const part of ["ca", "cert", "key"])
      expect(needsRenewal({ ...mine, [part]: rubbish }, names, date)).toBe(true);
  const renewed = trustBoth(other, mine.ca);
  expect([needsRenewal(renewed, names, date), needsRenewal({ ...mine, ca: renewed.ca }, names, date)]).toEqual([
    false,
    false,
  ]);
  // The third trusts the second, not the first: bundles do not grow.
  const third = trustBoth(await makeServingCertificate(names, date), renewed.ca);
  expect(third.ca.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(needsRenewal({ ...mine, ca: third.ca }, names, date)).toBe(true);
  expect(trustBoth(other, "rubbish").ca).toBe(other.ca);
});
