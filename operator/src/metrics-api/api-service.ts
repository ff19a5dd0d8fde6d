import { type KubeClient, KubeError, type KubeObject } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import { METRICS_GROUP, METRICS_VERSION } from "./custom-metrics.ts";

interface ApiService extends KubeObject {
  readonly spec?: { readonly service?: { readonly name: string; readonly namespace: string } };
}

const attempts = 5;
const apiServiceName = `${METRICS_VERSION}.${METRICS_GROUP}`;

interface WantedApiService extends KubeObject {
  readonly spec: unknown;
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
export async function ensureApiService(options: ApiServiceOptions): Promise<ApiServiceState> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await lookAndRegister(options);
    } catch (error) {
      // Somebody wrote since we looked: mostly the API server, which notes there whether it reaches us.
      if (attempt === attempts || !(error instanceof KubeError) || error.status !== 409) throw error;
    }
  }
}

async function lookAndRegister(options: ApiServiceOptions): Promise<ApiServiceState> {
  const { client, service, ownerClusterRole } = options;
  const existing = await client.get<ApiService>({ resource: RESOURCES.apiServices, name: apiServiceName });
  if (existing !== undefined && !isOurs(existing, service)) {
    const theirs = existing.spec?.service;
    return {
      kind: "foreign",
      service: theirs === undefined ? "the API server itself" : `${theirs.namespace}/${theirs.name}`,
    };
  }
  const owner = await client.get({ resource: RESOURCES.clusterRoles, name: ownerClusterRole });
  if (owner?.metadata.uid === undefined)
    throw new Error(`ClusterRole ${ownerClusterRole} must exist: the APIService is owned by it`);
  const wanted = apiService(options, owner.metadata.uid, existing?.metadata.resourceVersion);
  if (existing === undefined) await client.create(RESOURCES.apiServices, wanted);
  else await client.apply(RESOURCES.apiServices, wanted, { fieldManager: "belay-operator", force: true });
  return { kind: "ours" };
}

function isOurs({ spec }: ApiService, { namespace, name }: ApiServiceOptions["service"]): boolean {
  return spec?.service?.name === name && spec.service.namespace === namespace;
}

/** With the version that was looked at, so that writing fails when somebody else was here since. */
function apiService(
  { ca, service, ownerClusterRole }: ApiServiceOptions,
  ownerUid: string,
  resourceVersion: string | undefined,
): WantedApiService {
  return {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: {
      name: apiServiceName,
      ...(resourceVersion !== undefined && { resourceVersion }),
      labels: { "app.kubernetes.io/managed-by": "belay-operator" },
      ownerReferences: [
        {
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "ClusterRole",
          name: ownerClusterRole,
          uid: ownerUid,
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
  };
}
