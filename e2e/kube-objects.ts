import {
  HttpKubeClient,
  type KubeObject,
  openKubeConnection,
  RESOURCES,
  type ResourceName,
} from "@belay/operator/internal";
import { clusterEnvironment } from "./kubectl.ts";

/** The parts of a Kubernetes object that scenarios read. */
export interface Seen {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly deletionTimestamp?: string;
    readonly generation?: number;
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

/** One connection for all looks: scenarios look several times a second, and a kubectl for each costs a tenth of a second of CPU. */
let connected: Promise<HttpKubeClient> | undefined;

function client(): Promise<HttpKubeClient> {
  return (connected ??= connect());
}

async function connect(): Promise<HttpKubeClient> {
  const { KUBECONFIG: kubeconfigFile = "" } = clusterEnvironment();
  return new HttpKubeClient(await openKubeConnection({ kubeconfigFile, nowMs: () => performance.now() }));
}

/** Rejects when there is no such object. */
export async function getObject<T = Seen>(namespace: string, kind: ResourceName, name: string): Promise<T> {
  const found = await (await client()).get({ resource: RESOURCES[kind], namespace, name });
  if (found === undefined) throw new Error(`${kind} ${namespace}/${name} not found`);
  return found as KubeObject & T;
}

export async function listObjects<T = Seen>(
  namespace: string,
  kind: ResourceName,
  labelSelector = "",
): Promise<readonly T[]> {
  const { items } = await (await client()).list(RESOURCES[kind], { namespace, labelSelector });
  return items as readonly (KubeObject & T)[];
}
