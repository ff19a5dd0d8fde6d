/** Directories and files in a gateway pod. */

export const directories = {
  config: "/etc/belay/config",
  keys: "/etc/belay/keys",
  auth: "/etc/belay/auth",
  redis: "/etc/belay/redis",
  pod: "/etc/belay/pod",
} as const;

/** Directories of Secrets that not every cluster has. */
export const optionalDirectories = {
  tokenKeys: "/etc/belay/token-keys",
  tls: "/etc/belay/tls",
  apiKeys: "/etc/belay/api-keys",
  hooks: "/etc/belay/hooks",
} as const;

export const paths = {
  gatewayConfig: "/etc/belay/config/gateway.json",
  apiKey: "/etc/belay/keys/api-key",
  controlToken: "/etc/belay/keys/control-token",
  hmac: "/etc/belay/auth/hmac",
  redisUrl: "/etc/belay/redis/url",
  podLabels: "/etc/belay/pod/labels",
  tlsCertificate: "/etc/belay/tls/tls.crt",
  tlsKey: "/etc/belay/tls/tls.key",
  hookSecret: "/etc/belay/hooks/secret",
  hookCa: "/etc/belay/hooks/ca.crt",
} as const;

/** Named by the Secret, not by the place in the list: pods of two revisions read one configuration. */
export function tokenKeyFile({ name, key }: { readonly name: string; readonly key: string }): string {
  return `${name}/${key}`;
}
