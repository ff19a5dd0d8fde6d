import {
  type ApiConfig,
  type AuthConfig,
  type ChannelsConfig,
  configHash,
  type GatewayConfig,
  type HooksConfig,
  stableHash,
} from "@belay/protocol/control";
import type { ApiSpec, AuthSpec, HooksSpec, RealtimeClusterSpec, SecretKeyRef } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import { optionalDirectories, paths, tokenKeyFile } from "./paths.ts";
import { redisBroker } from "./redis-access.ts";

/** Longest prefix a gateway accepts. */
const MAX_PREFIX_LENGTH = 64;

/** Keys of one cluster never meet another's in a Redis they share. */
function redisPrefix(namespace: string, name: string): string {
  const readable = `belay:${namespace}/${name}:`;
  return readable.length <= MAX_PREFIX_LENGTH ? readable : `belay:${stableHash(readable)}:`;
}

function gatewayConfig(cluster: RealtimeCluster): GatewayConfig {
  const { metadata, spec } = cluster;
  const { namespace, name } = metadata;
  const channelsSection = channels(spec);
  return {
    control: { tokenFile: paths.controlToken },
    auth: authConfig(spec.auth),
    api: apiConfig(spec.api),
    broker: redisBroker(cluster, redisPrefix(namespace, name)),
    drain: { ratePerSecond: spec.drain.ratePerSecond, deadlineSeconds: spec.drain.deadlineSeconds },
    ...(channelsSection && { channels: channelsSection }),
    ...(spec.hooks && { hooks: hooksConfig(spec.hooks) }),
    ...(spec.inbox && { inbox: spec.inbox }),
    ...(spec.handover && { handover: spec.handover }),
    podLabelsFile: paths.podLabels,
    ...(spec.limits && { limits: spec.limits }),
    ...clientPort(spec),
  };
}

/** Sections that a gateway of an older image does not know are written only where they are used. */
function clientPort({ transports, tls, proxies }: RealtimeCluster["spec"]): GatewayConfig {
  return {
    ...(transports && { transports }),
    ...(tls && {
      tls: {
        ...(tls.secretRef && { certFile: paths.tlsCertificate, keyFile: paths.tlsKey }),
        ...(tls.requireTLS !== undefined && { requireTLS: tls.requireTLS }),
        minVersion: tls.minVersion,
      },
    }),
    ...(proxies && { proxies }),
  };
}

/** The generated key, and the user's where there are some. */
function apiConfig({ keys }: ApiSpec = {}): ApiConfig {
  return {
    keyFile: paths.apiKey,
    ...(keys && {
      keys: keys.map(({ secretRef: _mounted, ...key }) => ({
        ...key,
        keyFile: `${optionalDirectories.apiKeys}/${key.name}`,
      })),
    }),
  };
}

/** Keys that a gateway of an older image does not know are written only where they are used. */
function authConfig(auth: AuthSpec): AuthConfig {
  const { anonymous, keys, caSecretRef, clockSkewSeconds } = auth;
  return {
    anonymous,
    hmacSecretFile: paths.hmac,
    ...(keys && {
      keys: keys.map(({ secretRef, ...key }) => ({
        ...key,
        file: tokenKeyPath(secretRef),
      })),
    }),
    ...(caSecretRef && { caFile: tokenKeyPath(caSecretRef) }),
    ...rulesOf(auth),
    ...(clockSkewSeconds !== undefined && { clockSkewSeconds }),
  };
}

/** As they stand. */
function rulesOf({ jwks, oidc, audiences, issuers }: AuthSpec): AuthConfig {
  return {
    ...(jwks && { jwks }),
    ...(oidc && { oidc }),
    ...(audiences && { audiences }),
    ...(issuers && { issuers }),
  };
}

function hooksConfig({ secretRef, caSecretRef, ...hooks }: HooksSpec): HooksConfig {
  return {
    ...hooks,
    ...(secretRef && { secretFile: paths.hookSecret }),
    ...(caSecretRef && { caFile: paths.hookCa }),
  };
}

function tokenKeyPath(secretRef: SecretKeyRef): string {
  return `${optionalDirectories.tokenKeys}/${tokenKeyFile(secretRef)}`;
}

/** Left out where the spec says nothing of channels: a gateway older than the section would refuse the file. */
function channels({ namespaces, unprefixed }: RealtimeClusterSpec): ChannelsConfig | undefined {
  if (namespaces === undefined && unprefixed === undefined) return undefined;
  return { ...(unprefixed && { unprefixed }), ...(namespaces && { namespaces }) };
}

/** The text of the file that a gateway reads. */
function gatewayConfigText(cluster: RealtimeCluster): string {
  return `${JSON.stringify(gatewayConfig(cluster), undefined, 2)}\n`;
}

/** By which a gateway says that it runs the configuration of this cluster. */
export function gatewayConfigHash(cluster: RealtimeCluster): string {
  return configHash(gatewayConfigText(cluster));
}

/** The file is hot-reloaded, so that a change of it makes no new revision. */
export function configMap(cluster: RealtimeCluster): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMeta(cluster, names.config(cluster.metadata.name)),
    data: { "gateway.json": gatewayConfigText(cluster) },
  };
}
