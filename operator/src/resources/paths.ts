/** Directories and files in a gateway pod. */

export const directories = {
  config: "/etc/belay/config",
  keys: "/etc/belay/keys",
  auth: "/etc/belay/auth",
  pod: "/etc/belay/pod",
} as const;

/** Directories of Secrets that not every cluster has. */
export const optionalDirectories = {
  tokenKeys: "/etc/belay/token-keys",
  tls: "/etc/belay/tls",
  apiKeys: "/etc/belay/api-keys",
  hooks: "/etc/belay/hooks",
  redis: "/etc/belay/redis",
} as const;

export const paths = {
  gatewayConfig: "/etc/belay/config/gateway.json",
  apiKey: "/etc/belay/keys/api-key",
  controlToken: "/etc/belay/keys/control-token",
  hmac: "/etc/belay/auth/hmac",
  podLabels: "/etc/belay/pod/labels",
  tlsCertificate: "/etc/belay/tls/tls.crt",
  tlsKey: "/etc/belay/tls/tls.key",
  hookSecret: "/etc/belay/hooks/secret",
  hookCa: "/etc/belay/hooks/ca.crt",
} as const;

/** Files in the directory for Redis; which of them are there depends on what Redis is. */
export const redisFile = {
  url: "/etc/belay/redis/url",
  username: "/etc/belay/redis/username",
  password: "/etc/belay/redis/password",
  sentinelUsername: "/etc/belay/redis/sentinel-username",
  sentinelPassword: "/etc/belay/redis/sentinel-password",
  ca: "/etc/belay/redis/ca.crt",
} as const;

/** Named by the Secret, not by the place in the list: pods of two revisions read one configuration. */
export function tokenKeyFile({ name, key }: { readonly name: string; readonly key: string }): string {
  return `${name}/${key}`;
}
