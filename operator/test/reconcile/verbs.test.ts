import { ensureApiService, EventRecorder, LeaderElector, RESOURCES, sharedCertificate } from "@belay/operator/internal";
import { MemoryKube } from "@belay/testkit";
import { expect, test } from "vitest";
import { reconcile } from "../../src/controller/reconcile.ts";
import { Watches } from "../../src/controller/watches.ts";
import { CHILD_STORES, STORE_RESOURCES } from "../../src/observe/stores.ts";
import { operatorRules, type PolicyRule } from "../../src/rbac.ts";
import { Given, type Manifest } from "./given.ts";

function allowed(rules: readonly PolicyRule[]): ReadonlySet<string> {
  return new Set(
    rules.flatMap(({ resources, verbs }) => resources.flatMap((each) => verbs.map((verb) => `${verb} ${each}`))),
  );
}

/** Rights that no call shows: a patch that creates asks for both, and some clusters ask for a right over the owner's finalizers. */
const implied = [
  ...CHILD_STORES.map((store) => `create ${STORE_RESOURCES[store].plural}`),
  "update realtimeclusters/finalizers",
];

/** A life of a cluster in which everything happens that makes the operator write. */
async function live(given: Given): Promise<void> {
  const { kube, clock, stores } = given;
  await kube.create<Manifest>(RESOURCES.secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "hmac", namespace: "shop" },
    data: { hmac: "eA==" },
  });
  await given.cluster({
    service: { type: "NodePort" },
    auth: { hmacSecretRef: { name: "hmac", key: "hmac" } },
    autoscaling: { minReplicas: 2, maxReplicas: 4, targetConnectionsPerPod: 10 },
  });
  await given.pass();
  await leftover(given);
  // The same pass over caches that have not seen the first one's writes.
  const [cluster] = stores.clusters.list();
  stores.deployments.replaceAll([]);
  if (cluster !== undefined) await reconcile(cluster, given.reconciler);
  const { items } = await kube.list<Manifest>(RESOURCES.deployments, {});
  for (const deployment of items) await given.replicaSetFor(deployment);
  await kube.patch(
    { resource: RESOURCES.secrets, namespace: "shop", name: "chat-keys" },
    { type: "merge", body: { data: { hmac: null } } },
  );
  await given.pass();
  await retireEverything(given);
  const watches = new Watches({
    client: kube,
    stores,
    namespaces: [],
    clock,
    random: () => 0.5,
    onRestart: () => undefined,
  });
  watches.start();
  await watches.synced();
  await clock.advance(10);
  await watches.close();
  const events = new EventRecorder({ client: kube, clock, instance: "test" });
  const about = {
    apiVersion: "belay.dev/v1alpha1",
    kind: "RealtimeCluster",
    metadata: { name: "chat", namespace: "shop", uid: "u" },
  };
  for (let time = 0; time < 2; time++) {
    events.record(about, { type: "Normal", reason: "Told", action: "Test", note: "again" });
    await clock.advance(1_000);
  }
}

/** A child of an older version of the operator. */
async function leftover({ kube, stores }: Given): Promise<void> {
  const cluster = stores.clusters.get("shop", "chat");
  const { uid = "", name = "" } = cluster?.metadata ?? {};
  await kube.create<Manifest>(RESOURCES.serviceAccounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: {
      name: "chat-old-style",
      namespace: "shop",
      labels: { "belay.dev/cluster": name },
      ownerReferences: [{ apiVersion: "belay.dev/v1alpha1", kind: "RealtimeCluster", name, uid }],
    },
  });
}

/** Another image and no autoscaling: pods of the old revision are gated, children that are not wanted any more deleted. */
async function retireEverything(given: Given): Promise<void> {
  const { kube } = given;
  const { items } = await kube.list<Manifest>(RESOURCES.replicaSets, {});
  const [replicaSet] = items;
  const revision = replicaSet?.metadata.labels?.["belay.dev/revision"] ?? "";
  await kube.create<Manifest>(RESOURCES.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "old",
      namespace: "shop",
      labels: {
        "belay.dev/cluster": "chat",
        "belay.dev/component": "gateway",
        "belay.dev/revision": revision,
        "belay.dev/traffic": "on",
      },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: replicaSet?.metadata.name ?? "",
          uid: replicaSet?.metadata.uid ?? "",
        },
      ],
    },
    status: { phase: "Pending" },
  });
  await kube.patch(
    { resource: RESOURCES.realtimeClusters, namespace: "shop", name: "chat" },
    {
      type: "merge",
      body: {
        spec: {
          replicas: 0,
          image: "gateway:2",
          autoscaling: null,
          redis: { type: "external", urlSecretRef: { name: "hmac", key: "hmac" } },
        },
      },
    },
  );
  for (let pass = 0; pass < 4; pass++) await given.pass();
  await kube.delete({ resource: RESOURCES.pods, namespace: "shop", name: "old" });
  kube.used.delete("delete pods");
  const deployment = { resource: RESOURCES.deployments, namespace: "shop", name: `chat-${revision}` };
  await kube.patch(deployment, { type: "merge", body: { spec: { replicas: 0 } } });
  for (let pass = 0; pass < 4; pass++) await given.pass();
}

test("[RC9] in served namespaces: every verb used is allowed, every verb allowed is used", async () => {
  const given = new Given();
  await live(given);
  const rules = allowed([...operatorRules.watched, ...operatorRules.cluster]);
  // Creations that a person or a controller made here.
  const others = ["create realtimeclusters", "create replicasets", "create pods", "list realtimeclusters"];
  const used = [...given.kube.used];
  expect(used.filter((each) => !rules.has(each) && !others.includes(each))).toEqual([]);
  const unused = [...rules].filter((each) => !given.kube.used.has(each) && !implied.includes(each));
  expect(unused).toEqual([]);
});

test("[RC9] in its own namespace, and for the metrics API", async () => {
  const given = new Given();
  const kube = new MemoryKube();
  const { clock } = given;
  const elector = new LeaderElector({
    client: kube,
    namespace: "belay-system",
    name: "lease",
    identity: "a",
    clock,
    random: () => 0,
  });
  elector.start();
  await clock.advance(5_000);
  const closing = elector.close();
  await clock.advance(5_000);
  await closing;
  const certificate = {
    client: kube,
    clock,
    namespace: "belay-system",
    name: "cert",
    dnsNames: ["belay.belay-system.svc"],
  };
  await sharedCertificate(certificate);
  await sharedCertificate({ ...certificate, dnsNames: ["other.belay-system.svc"] });
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "owner" } };
  await kube.create(RESOURCES.clusterRoles, role);
  kube.used.delete("create clusterroles");
  const service = { namespace: "belay-system", name: "belay", port: 443 };
  for (const ca of ["ca", "next ca"]) await ensureApiService({ client: kube, ca, service, ownerClusterRole: "owner" });
  const rules = allowed([...operatorRules.release, ...operatorRules.metricsApi]);
  expect([...kube.used].filter((each) => !rules.has(each))).toEqual([]);
  expect([...rules].filter((each) => !kube.used.has(each))).toEqual([]);
});
