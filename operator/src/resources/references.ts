import type { HooksSpec } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { redisFiles } from "./redis-access.ts";

/** A Secret of the user's that the pods mount. */
export interface SecretReference {
  /** Field of the spec that names it. */
  readonly field: string;
  readonly name: string;
  readonly key: string;
}

/** Secrets that must exist before a pod can start. */
export function referencedSecrets(cluster: RealtimeCluster): readonly SecretReference[] {
  const { spec } = cluster;
  const redis = redisFiles(cluster).flatMap(({ field, secret }) => (field === undefined ? [] : [{ field, ...secret }]));
  const hmac =
    spec.auth.hmacSecretRef === undefined ? [] : [{ field: "spec.auth.hmacSecretRef", ...spec.auth.hmacSecretRef }];
  const keys = (spec.auth.keys ?? []).map(({ secretRef }, at) => ({
    field: `spec.auth.keys[${at}].secretRef`,
    ...secretRef,
  }));
  const apiKeys = (spec.api?.keys ?? []).map(({ secretRef }, at) => ({
    field: `spec.api.keys[${at}].secretRef`,
    ...secretRef,
  }));
  const certificate = spec.tls?.secretRef;
  const tls = ["tls.crt", "tls.key"].flatMap((key) =>
    certificate === undefined ? [] : [{ field: "spec.tls.secretRef", name: certificate.name, key }],
  );
  const ca = spec.auth.caSecretRef === undefined ? [] : [{ field: "spec.auth.caSecretRef", ...spec.auth.caSecretRef }];
  return [...redis, ...hmac, ...keys, ...apiKeys, ...ca, ...tls, ...hookSecrets(spec.hooks)];
}

function hookSecrets({ secretRef, caSecretRef }: HooksSpec = {}): readonly SecretReference[] {
  return [
    ...(secretRef ? [{ field: "spec.hooks.secretRef", ...secretRef }] : []),
    ...(caSecretRef ? [{ field: "spec.hooks.caSecretRef", ...caSecretRef }] : []),
  ];
}
