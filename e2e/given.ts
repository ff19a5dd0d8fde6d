import { TestClient } from "@belay/testkit";
import { getObject, listObjects, type Seen } from "./kube-objects.ts";
import { applyObject, kubectl } from "./kubectl.ts";
import { eventually } from "./eventually.ts";

/** A RealtimeCluster as scenarios read it. */
export interface RealtimeCluster extends Seen {
  readonly spec: Record<string, unknown> & { readonly replicas?: number };
  readonly status?: {
    readonly phase?: string;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly connections?: number;
    readonly endpoint?: string;
    readonly revision?: string;
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly lastRollout?: RolloutProof;
  };
}

/** Connections of the pods that were replaced, by how they went. */
interface RolloutProof {
  readonly moved?: number;
  readonly closed: number;
  readonly forced: number;
  readonly left: number;
  readonly killedUndrained: number;
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

export interface Namespace extends AsyncDisposable {
  readonly name: string;
}

/** A namespace that enforces Pod Security `restricted`; deleted, and waited for, at the end of the scenario. */
export async function namespace(name: string): Promise<Namespace> {
  await kubectl(["delete", "namespace", name, "--ignore-not-found", "--wait=true", "--timeout=120s"]);
  await applyObject({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
  });
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      await kubectl(["delete", "namespace", name, "--ignore-not-found", "--wait=true", "--timeout=120s"]);
    },
  };
}

export async function realtimeCluster(ns: Namespace, name: string, spec: unknown = {}): Promise<void> {
  await applyObject({
    apiVersion: "belay.dev/v1alpha1",
    kind: "RealtimeCluster",
    metadata: { name, namespace: ns.name },
    spec,
  });
}

/** A change a person would make with `kubectl patch rtc`. */
export async function patchCluster(ns: Namespace, name: string, spec: unknown): Promise<void> {
  await kubectl(["-n", ns.name, "patch", "rtc", name, "--type=merge", "-p", JSON.stringify({ spec })]);
}

export function readCluster(ns: Namespace, name: string): Promise<RealtimeCluster> {
  return getObject<RealtimeCluster>(ns.name, "realtimeClusters", name);
}

export function condition(cluster: RealtimeCluster, type: string): Condition | undefined {
  return cluster.status?.conditions?.find((each) => each.type === type);
}

/** Ready for the generation that is in the API now. */
export function isReady(cluster: RealtimeCluster): boolean {
  const ready = condition(cluster, "Ready");
  return ready?.status === "True" && ready.observedGeneration === cluster.metadata.generation;
}

export async function readyCluster(
  ns: Namespace,
  name: string,
  withinMs = 60_000,
): Promise<{ cluster: RealtimeCluster; url: string; tookMs: number }> {
  const { value: cluster, tookMs } = await eventually(`${name} Ready`, { withinMs, everyMs: 200 }, async () => {
    const seen = await readCluster(ns, name);
    if (isReady(seen)) return seen;
    throw new Error(JSON.stringify(seen.status ?? {}));
  });
  const url = cluster.status?.endpoint;
  if (url === undefined) throw new Error(`${name}: Ready without an endpoint`);
  return { cluster, url, tookMs };
}

export function gatewayPods(ns: Namespace, cluster: string): Promise<readonly Seen[]> {
  return listObjects(ns.name, "pods", `belay.dev/cluster=${cluster},belay.dev/component=gateway`);
}

/** Resolves when the Service sends new connections to each of the pods: nodes learn of a pod's readiness after the API server. */
export async function everyPodReached(url: string, uids: readonly string[]): Promise<void> {
  const missing = new Set(uids);
  await eventually("every pod reached", { withinMs: 60_000 }, async () => {
    await using client = await TestClient.open(url);
    const { connect } = await client.call({ connect: {} });
    missing.delete(String(connect?.["node"]));
    return missing.size === 0 || undefined;
  });
}

/** The key of the server API, as the application would mount it. */
export async function apiKey(ns: Namespace, cluster: string): Promise<string> {
  return (await secretValue(ns, `${cluster}-keys`, "api-key")).toString("utf8");
}

export async function secretValue(ns: Namespace, name: string, key: string): Promise<Buffer> {
  const secret = await getObject<{ data: Record<string, string> }>(ns.name, "secrets", name);
  return Buffer.from(secret.data[key] ?? "", "base64");
}
