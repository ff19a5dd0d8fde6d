import type { KubeClient, KubeObject } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import { METRICS_GROUP, METRICS_VERSION } from "./custom-metrics.ts";

interface ApiService extends KubeObject {
  readonly spec?: { readonly service?: { readonly name: string; readonly namespace: string } };
}

/** Whose the metrics API of this Kubernetes cluster is. */
export type ApiServiceState = { readonly kind: "ours" } | { readonly kind: "foreign"; readonly service: string };

export interface ApiServiceOptions {
  readonly client: KubeClient;
  /** PEM of the CA behind the serving certificate. */
  readonly ca: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** A ClusterRole of the chart: when it goes, Kubernetes removes the APIService. One left behind blocks every namespace deletion. */
  readonly ownerClusterRole: string;
}

/** Registers our metrics API, or finds that somebody else's stands there, which is never touched. */
export async function ensureApiService({
  client,
  ca,
  service,
  ownerClusterRole,
}: ApiServiceOptions): Promise<ApiServiceState> {
  const name = `${METRICS_VERSION}.${METRICS_GROUP}`;
  const existing = await client.get<ApiService>({ resource: RESOURCES.apiServices, name });
  const theirs = existing?.spec?.service;
  if (existing !== undefined && (theirs?.name !== service.name || theirs.namespace !== service.namespace)) {
    return {
      kind: "foreign",
      service: theirs === undefined ? "the API server itself" : `${theirs.namespace}/${theirs.name}`,
    };
  }
  const owner = await client.get({ resource: RESOURCES.clusterRoles, name: ownerClusterRole });
  if (owner?.metadata.uid === undefined)
    throw new Error(`ClusterRole ${ownerClusterRole} must exist: the APIService is owned by it`);
  await client.apply<KubeObject & { readonly spec: unknown }>(
    RESOURCES.apiServices,
    {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: {
        name,
        labels: { "app.kubernetes.io/managed-by": "belay-operator" },
        ownerReferences: [
          {
            apiVersion: "rbac.authorization.k8s.io/v1",
            kind: "ClusterRole",
            name: ownerClusterRole,
            uid: owner.metadata.uid,
          },
        ],
      },
      spec: {
        group: METRICS_GROUP,
        version: METRICS_VERSION,
        groupPriorityMinimum: 100,
        versionPriority: 100,
        caBundle: Buffer.from(ca, "utf8").toString("base64"),
        service,
      },
    },
    { fieldManager: "belay-operator", force: true },
  );
  return { kind: "ours" };
}
