/**
 * The gateway's pod template. Its hash is the revision, so it must be a pure function of the spec and the installation: whatever
 * changes it replaces every pod. What can be changed without a new pod belongs into the ConfigMap.
 */
import { CLIENT_PORT, CONTROL_PORT, REVISION_LABEL, TRAFFIC_LABEL, stableHash } from "@belay/protocol/control";
import type { ApiSpec, AuthSpec, HooksSpec, PodTemplateSpec, SecretKeyRef } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childLabels, selectorLabels } from "./labels.ts";
import type { Blueprint } from "./manifest.ts";
import { names } from "./names.ts";
import { directories, optionalDirectories, paths, redisFile, tokenKeyFile } from "./paths.ts";
import { type RedisFile, redisFiles, redisIdentity } from "./redis-access.ts";
import { containerSecurity, NON_ROOT_ID, podSecurity } from "./security.ts";

export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface Revision {
  readonly hash: string;
  readonly template: PodTemplate;
}

/** Read-only for the group of the process and nobody else. */
const SECRET_MODE = 0o440;

export function gatewayRevision(blueprint: Blueprint): Revision {
  const template = templateWithoutRevision(blueprint);
  const hash = stableHash(template);
  return {
    hash,
    template: {
      metadata: { ...template.metadata, labels: { ...template.metadata.labels, [REVISION_LABEL]: hash } },
      spec: { ...template.spec, ...spread(blueprint.cluster, hash), containers: [container(blueprint, hash)] },
    },
  };
}

function templateWithoutRevision(blueprint: Blueprint): PodTemplate {
  const { cluster } = blueprint;
  const { spec } = cluster;
  const { name } = cluster.metadata;
  const { labels, affinity, tolerations, nodeSelector } = spec.gateway.podTemplate;
  const annotations = annotationsOf(cluster);
  return {
    metadata: {
      labels: { ...labels, ...childLabels(name, "gateway"), [TRAFFIC_LABEL]: "on" },
      ...(annotations && { annotations }),
    },
    spec: {
      serviceAccountName: names.serviceAccount(name),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // The kernel drops signals that a first process does not listen for yet: SIGTERM to a gateway that starts would be lost.
      shareProcessNamespace: true,
      terminationGracePeriodSeconds: spec.drain.gracePeriodSeconds,
      securityContext: { ...podSecurity, fsGroup: NON_ROOT_ID },
      ...(spec.imagePullSecrets && { imagePullSecrets: spec.imagePullSecrets }),
      ...(affinity && { affinity }),
      ...(tolerations && { tolerations }),
      ...(nodeSelector && { nodeSelector }),
      ...spread(cluster, ""),
      containers: [container(blueprint, "")],
      volumes: volumes(cluster),
    },
  };
}

function annotationsOf(cluster: RealtimeCluster): PodTemplate["metadata"]["annotations"] {
  const identity = redisIdentity(cluster);
  const { annotations } = cluster.spec.gateway.podTemplate;
  return identity === undefined ? annotations : { ...annotations, "belay.dev/redis": identity };
}

function container({ cluster, installation }: Blueprint, revision: string): object {
  const { spec } = cluster;
  return {
    name: "gateway",
    image: spec.image ?? installation.gatewayImage,
    imagePullPolicy: spec.imagePullPolicy,
    args: ["--config", paths.gatewayConfig],
    env: [
      ...(spec.gateway.podTemplate.env ?? []),
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } },
      { name: "BELAY_REVISION", value: revision },
    ],
    ports: [
      { name: "client", containerPort: CLIENT_PORT, protocol: "TCP" },
      { name: "control", containerPort: CONTROL_PORT, protocol: "TCP" },
    ],
    resources: spec.gateway.resources,
    securityContext: containerSecurity,
    // By the control port: the client port may want TLS, or a PROXY header from the very address that probes come from. Every
    // second, because a drained pod is removed once it is seen not ready.
    readinessProbe: {
      httpGet: { path: "/readyz", port: "control" },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 2,
    },
    startupProbe: {
      httpGet: { path: "/healthz", port: "control" },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 60,
    },
    // Slow to kill: a pod that stalls for a while still has its clients.
    livenessProbe: {
      httpGet: { path: "/healthz", port: "control" },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    volumeMounts: Object.entries(mounts(cluster)).map(([name, mountPath]) => ({ name, mountPath, readOnly: true })),
  };
}

/** Volume → directory. */
function mounts(cluster: RealtimeCluster): Readonly<Record<string, string>> {
  const { api, auth, tls, hooks } = cluster.spec;
  const { pod, ...others } = directories;
  return {
    ...others,
    // Before "pod": another order would be another revision of gateways that are as they should be.
    ...(redisFiles(cluster).length > 0 && { redis: optionalDirectories.redis }),
    pod,
    ...(tokenFiles(auth).length > 0 && { "token-keys": optionalDirectories.tokenKeys }),
    ...(tls?.secretRef && { tls: optionalDirectories.tls }),
    ...(api?.keys && { "api-keys": optionalDirectories.apiKeys }),
    ...(hookFiles(hooks).length > 0 && { hooks: optionalDirectories.hooks }),
  };
}

function volumes(cluster: RealtimeCluster): readonly object[] {
  const { spec } = cluster;
  const { name } = cluster.metadata;
  const { hmacSecretRef } = spec.auth;
  return [
    { name: "config", configMap: { name: names.config(name) } },
    secretVolume("keys", names.keys(name), [
      { key: "api-key", path: "api-key" },
      { key: "control-token", path: "control-token" },
    ]),
    secretVolume("auth", hmacSecretRef?.name ?? names.keys(name), [
      { key: hmacSecretRef?.key ?? "hmac", path: "hmac" },
    ]),
    ...redisVolume(redisFiles(cluster)),
    {
      name: "pod",
      downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] },
    },
    ...tokenKeysVolume(spec.auth),
    ...apiKeysVolume(spec.api),
    ...hooksVolume(spec.hooks),
    ...(spec.tls?.secretRef === undefined
      ? []
      : [
          secretVolume("tls", spec.tls.secretRef.name, [
            { key: "tls.crt", path: "tls.crt" },
            { key: "tls.key", path: "tls.key" },
          ]),
        ]),
  ];
}

function secretVolume(
  volume: string,
  secretName: string,
  items: readonly { readonly key: string; readonly path: string }[],
): object {
  return { name: volume, secret: { secretName, defaultMode: SECRET_MODE, items } };
}

/** A plain volume where one Secret holds everything, as it does for a URL. */
function redisVolume(files: readonly RedisFile[]): readonly object[] {
  const [first] = files;
  if (first === undefined) return [];
  if (files.every(({ secret }) => secret.name === first.secret.name)) {
    const items = files.map(({ path, secret: { key } }) => ({ key, path: inVolume(path) }));
    return [secretVolume("redis", first.secret.name, items)];
  }
  const sources = files.map(({ path, secret }) => projectedFile(secret, inVolume(path)));
  return [{ name: "redis", projected: { defaultMode: SECRET_MODE, sources } }];
}

function inVolume(file: RedisFile["path"]): string {
  const path = redisFile[file];
  return path.slice(path.lastIndexOf("/") + 1);
}

function tokenFiles({ keys = [], caSecretRef }: AuthSpec): readonly SecretKeyRef[] {
  return [...keys.map(({ secretRef }) => secretRef), ...(caSecretRef ? [caSecretRef] : [])];
}

function apiKeysVolume({ keys }: ApiSpec = {}): readonly object[] {
  if (keys === undefined) return [];
  const sources = keys.map(({ name: path, secretRef: { name, key } }) => ({
    secret: { name, items: [{ key, path }] },
  }));
  return [{ name: "api-keys", projected: { defaultMode: SECRET_MODE, sources } }];
}

/** One volume for all, so that keys that are rotated together change together. */
function tokenKeysVolume(auth: AuthSpec): readonly object[] {
  // The same key may stand in the list twice, for other algorithms; a path may stand in a volume once.
  const files = new Map(tokenFiles(auth).map((secretRef) => [tokenKeyFile(secretRef), secretRef]));
  if (files.size === 0) return [];
  const sources = [...files].map(([path, secretRef]) => projectedFile(secretRef, path));
  return [{ name: "token-keys", projected: { defaultMode: SECRET_MODE, sources } }];
}

/** What of a Secret becomes which file. */
function hookFiles({ secretRef, caSecretRef }: HooksSpec = {}): readonly object[] {
  return [
    ...(secretRef ? [projectedFile(secretRef, "secret")] : []),
    ...(caSecretRef ? [projectedFile(caSecretRef, "ca.crt")] : []),
  ];
}

function projectedFile({ name, key }: SecretKeyRef, path: string): object {
  return { secret: { name, items: [{ key, path }] } };
}

function hooksVolume(hooks: HooksSpec | undefined): readonly object[] {
  const sources = hookFiles(hooks);
  return sources.length === 0 ? [] : [{ name: "hooks", projected: { defaultMode: SECRET_MODE, sources } }];
}

type Spread = NonNullable<PodTemplateSpec["topologySpreadConstraints"]>;

const overNodes: Spread = [{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" }];

/** Counted among pods of one revision: pods that are about to leave must not push the new ones together. */
function spread({ metadata, spec }: RealtimeCluster, revision: string): object {
  const matchLabels = { ...selectorLabels(metadata.name, "gateway"), [REVISION_LABEL]: revision };
  return {
    topologySpreadConstraints: (spec.gateway.podTemplate.topologySpreadConstraints ?? overNodes).map((each) => ({
      ...each,
      labelSelector: { matchLabels },
    })),
  };
}
