import { type GatewayConfig, stableHash } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import { paths } from "./paths.ts";

/** Longest prefix a gateway accepts. */
const MAX_PREFIX_LENGTH = 64;

/** Keys of one cluster never meet another's in a Redis they share. */
function redisPrefix(namespace: string, name: string): string {
  const readable = `belay:${namespace}/${name}:`;
  return readable.length <= MAX_PREFIX_LENGTH ? readable : `belay:${stableHash(readable)}:`;
}

function gatewayConfig({ metadata: { namespace, name }, spec }: RealtimeCluster): GatewayConfig {
  return {
    control: { tokenFile: paths.controlToken },
    auth: { anonymous: spec.auth.anonymous, hmacSecretFile: paths.hmac },
    api: { keyFile: paths.apiKey },
    broker: { type: "redis", urlFile: paths.redisUrl, prefix: redisPrefix(namespace, name) },
    drain: { ratePerSecond: spec.drain.ratePerSecond, deadlineSeconds: spec.drain.deadlineSeconds },
    podLabelsFile: paths.podLabels,
  };
}

/** The file is hot-reloaded, so that a change of it makes no new revision. */
export function configMap(cluster: RealtimeCluster): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMeta(cluster, names.config(cluster.metadata.name)),
    data: { "gateway.json": `${JSON.stringify(gatewayConfig(cluster), undefined, 2)}\n` },
  };
}
