import type { RealtimeCluster, RealtimeClusterObject } from "./realtime-cluster.ts";
import { specSchema } from "./schema.ts";
import type { RealtimeClusterSpec } from "./gen/types.ts";

export type ParsedCluster =
  | { readonly ok: true; readonly cluster: RealtimeCluster }
  | { readonly ok: false; readonly cluster: RealtimeCluster; readonly problems: readonly string[] };

/**
 * An object from the API server with its defaults. The server has checked it against its own copy of the CRD, which may be older
 * or newer than this operator: what does not parse is a value here, with the problems as "field must be rule".
 */
export function parseCluster({ metadata, spec, status }: RealtimeClusterObject): ParsedCluster {
  const identity = {
    ...metadata,
    namespace: metadata.namespace ?? "",
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
  };
  const rest = { metadata: identity, status: status ?? {} };
  const parsed = specSchema.safeParse(spec ?? {});
  if (parsed.success) return { ok: true, cluster: { ...rest, spec: parsed.data } };
  const problems = parsed.error.issues.map(({ path, message }) => `spec.${path.join(".")}: ${message}`);
  return { ok: false, cluster: { ...rest, spec: (spec ?? {}) as RealtimeClusterSpec }, problems };
}
