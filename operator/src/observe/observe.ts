/** Reads everything a pass needs, once, into one value. */
import { REVISION_LABEL } from "@belay/protocol/control";
import { desiredReplicas } from "../api/v1alpha1/defaults.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { Clock } from "../clock.ts";
import type {
  Observed,
  ObservedAutoscaler,
  ObservedChild,
  ObservedMetricsApi,
  ObservedPod,
  ObservedService,
} from "../plan/observed.ts";
import { names } from "../resources/names.ts";
import { hasSentinels } from "../resources/redis-pod.ts";
import { referencedSecrets } from "../resources/references.ts";
import { keyOf } from "../runtime/store.ts";
import { totalConnections } from "./connections.ts";
import { controlTokenOf } from "./control-token.ts";
import { readyEndpoints } from "./endpoints.ts";
import type { GonePods } from "./gone-pods.ts";
import type { LoadClient } from "./load-client.ts";
import { loginFingerprint } from "./login-fingerprint.ts";
import type { NodeAddress } from "./node-address.ts";
import type { AutoscalerObject, PodObject, ServiceObject } from "./objects.ts";
import { isReady, observeRedisPod, type PodContext } from "./pod.ts";
import { observeRevisions } from "./revisions.ts";
import type { SecretCache } from "./secret-cache.ts";
import type { Steadiness } from "./steadiness.ts";
import { CHILD_STORES, STORE_RESOURCES, type Stores } from "./stores.ts";

/** A report older than this says nothing about now. */
const FRESH_MS = 5_000;

export interface Observers {
  readonly stores: Stores;
  readonly loads: Pick<LoadClient, "get">;
  /** Whether pods are in their endpoints, and whether they are ready. */
  readonly endpoints: Steadiness;
  readonly readiness: Steadiness;
  readonly gone: Pick<GonePods, "of">;
  readonly secrets: SecretCache;
  readonly nodes: NodeAddress;
  readonly clock: Clock;
  readonly metricsApi: () => ObservedMetricsApi;
  /** Term of our lease. */
  readonly term: () => number;
  /** The last drain request that a pod accepted from this process. */
  readonly drainSent: (podUid: string) => ObservedPod["drainSent"];
}

export async function observe(cluster: RealtimeCluster, observers: Observers): Promise<Observed> {
  const { stores, clock } = observers;
  const { name, namespace } = cluster.metadata;
  const key = keyOf({ namespace, name });
  const pods = stores.pods.group(key);
  const endpoints = readyEndpoints(stores.endpointSlices.group(key), names.service(name));
  const references = await Promise.all(
    referencedSecrets(cluster).map((reference) => observers.secrets.observe(namespace, reference)),
  );
  const total = totalConnections(gatewayPods(pods), (uid) => observers.loads.get(uid), {
    wanted: desiredReplicas(cluster),
    nowMs: clock.nowMs(),
    freshMs: FRESH_MS,
  });
  return {
    cluster,
    revisions: observeRevisions(cluster, {
      deployments: stores.deployments.group(key),
      replicaSets: stores.replicaSets.group(key),
      pods,
      contextOf: (pod) => podContext(pod, endpoints, observers),
    }),
    service: observeService(stores.services.get(namespace, names.service(name))),
    children: observeChildren(stores, key),
    references,
    autoscaler: observeAutoscaler(stores.horizontalPodAutoscalers.get(namespace, names.autoscaler(name))),
    metricsApi: observers.metricsApi(),
    gonePods: observers.gone.of(key),
    redisLogin: redisLogin(stores, cluster),
    redisPods: pods.flatMap((pod) => observeRedisPod(pod)),
    connections: total?.value,
    nodeAddress: cluster.spec.service.type === "NodePort" ? await observers.nodes.get() : undefined,
    term: observers.term(),
  };
}

function redisLogin({ secrets }: Stores, cluster: RealtimeCluster): string | undefined {
  const { name, namespace } = cluster.metadata;
  const token = controlTokenOf(secrets, namespace, name);
  const password = secrets.get(namespace, names.redisNodes(name))?.data?.["password"];
  if (!hasSentinels(cluster) || token === undefined || password === undefined) return undefined;
  return loginFingerprint(token, Buffer.from(password, "base64").toString("utf8"));
}

/** Redis pods carry the cluster's label too. */
export function gatewayPods(pods: readonly PodObject[]): readonly PodObject[] {
  return pods.filter(({ metadata }) => metadata.labels?.[REVISION_LABEL] !== undefined);
}

function podContext(pod: PodObject, endpoints: ReadonlySet<string>, observers: Observers): PodContext {
  const uid = pod.metadata.uid ?? "";
  const seen = observers.loads.get(uid);
  const isFresh = seen !== undefined && observers.clock.nowMs() - seen.atMs <= FRESH_MS;
  const inEndpoints = endpoints.has(uid);
  const outOrInMs = observers.endpoints.observe(uid, inEndpoints);
  return {
    load: isFresh ? seen.report : undefined,
    inEndpoints,
    outOfEndpointsMs: inEndpoints ? 0 : outOrInMs,
    readinessSteadyMs: observers.readiness.observe(uid, isReady(pod)),
    drainSent: observers.drainSent(uid),
  };
}

function observeService(service: ServiceObject | undefined): ObservedService | undefined {
  if (service === undefined) return undefined;
  const { selector = {}, clusterIP = "", ports = [] } = service.spec ?? {};
  return {
    revision: selector[REVISION_LABEL],
    clusterIP,
    nodePort: ports.find(({ nodePort }) => nodePort !== undefined && nodePort > 0)?.nodePort,
    ingress: loadBalancerAddress(service),
  };
}

function loadBalancerAddress({ status }: ServiceObject): string | undefined {
  const [first] = status?.loadBalancer?.ingress ?? [];
  return first?.hostname ?? first?.ip;
}

function observeChildren(stores: Stores, key: string): readonly ObservedChild[] {
  return CHILD_STORES.flatMap((store) =>
    stores[store].group(key).map((live) => ({ resource: STORE_RESOURCES[store], live })),
  );
}

function observeAutoscaler(autoscaler: AutoscalerObject | undefined): ObservedAutoscaler | undefined {
  const condition = autoscaler?.status?.conditions?.find(({ type }) => type === "ScalingActive");
  if (condition === undefined) return undefined;
  return {
    active: condition.status === "True",
    reason: condition.reason ?? "Unknown",
    message: condition.message ?? "",
  };
}
