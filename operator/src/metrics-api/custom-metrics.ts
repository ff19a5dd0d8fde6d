/** What custom.metrics.k8s.io/v1beta2 answers. Pure: path and counts in, body out. */

export const METRICS_GROUP = "custom.metrics.k8s.io";
export const METRICS_VERSION = "v1beta2";
export const METRIC = "connections";
const root = `/apis/${METRICS_GROUP}`;
const object = "realtimeclusters.belay.dev";

/** Open connections of one RealtimeCluster, over all its revisions. */
export interface ConnectionCount {
  readonly value: number;
  /** When the oldest of the counts it is made of was taken, monotonic ms. */
  readonly atMs: number;
}

export interface ConnectionCounts {
  /** `undefined`: no such cluster, or a pod of it did not say. */
  get(namespace: string, name: string): ConnectionCount | undefined;
}

/** An HPA believes any number, however old. So a count older than this is no answer. */
export const STALE_MS = 15_000;

export interface MetricRequest {
  readonly namespace: string;
  readonly name: string;
}

export type MetricsRoute =
  | { readonly kind: "discovery"; readonly body: unknown }
  | { readonly kind: "metric"; readonly request: MetricRequest }
  | { readonly kind: "unknown" };

const metricPath = new RegExp(
  `^${root}/${METRICS_VERSION}/namespaces/([a-z0-9.-]{1,253})/${object.replace(".", "\\.")}/([a-z0-9.-]{1,253})/${METRIC}$`,
);

export function routeMetrics(path: string): MetricsRoute {
  const body = discovery(path.length > 1 ? path.replace(/\/$/, "") : path);
  if (body !== undefined) return { kind: "discovery", body };
  const [, namespace, name] = metricPath.exec(path) ?? [];
  return namespace === undefined || name === undefined
    ? { kind: "unknown" }
    : { kind: "metric", request: { namespace, name } };
}

function discovery(path: string): unknown {
  const version = { groupVersion: `${METRICS_GROUP}/${METRICS_VERSION}`, version: METRICS_VERSION };
  const group = { name: METRICS_GROUP, versions: [version], preferredVersion: version };
  switch (path) {
    case "/apis":
      return { kind: "APIGroupList", apiVersion: "v1", groups: [group] };
    case root:
      return { kind: "APIGroup", apiVersion: "v1", ...group };
    case `${root}/${METRICS_VERSION}`:
      return {
        kind: "APIResourceList",
        apiVersion: "v1",
        groupVersion: version.groupVersion,
        resources: [
          { name: `${object}/${METRIC}`, singularName: "", namespaced: true, kind: "MetricValueList", verbs: ["get"] },
        ],
      };
    default:
      return undefined;
  }
}

export interface MetricAnswer {
  readonly status: 200 | 404 | 503;
  readonly body: unknown;
}

export interface MetricMoment {
  readonly nowMs: number;
  readonly date: Date;
}

/** Unknown or stale is an error: an HPA holds on errors, and would scale to the minimum on a 0. */
export function answerMetric(
  { namespace, name }: MetricRequest,
  counts: ConnectionCounts,
  { nowMs, date }: MetricMoment,
): MetricAnswer {
  const count = counts.get(namespace, name);
  if (count === undefined)
    return {
      status: 404,
      body: failure(404, "NotFound", `connections of RealtimeCluster ${namespace}/${name} are not known`),
    };
  const ageMs = Math.round(nowMs - count.atMs);
  if (ageMs > STALE_MS) {
    return {
      status: 503,
      body: failure(
        503,
        "ServiceUnavailable",
        `connections of RealtimeCluster ${namespace}/${name} were last counted ${ageMs} ms ago`,
      ),
    };
  }
  const item = {
    describedObject: { kind: "RealtimeCluster", apiVersion: "belay.dev/v1alpha1", namespace, name },
    metric: { name: METRIC, selector: null },
    timestamp: date.toISOString(),
    value: String(count.value),
  };
  return {
    status: 200,
    body: { kind: "MetricValueList", apiVersion: `${METRICS_GROUP}/${METRICS_VERSION}`, metadata: {}, items: [item] },
  };
}

export function failure(code: number, reason: string, message: string): unknown {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
}
