/** The password of a managed Redis as its Secret holds it. */
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { names } from "./names.ts";
import { managedRedis, REDIS_PORT } from "./redis-pod.ts";

/** On the Secret: which `passwordVersion` its password was made for. */
export const PASSWORD_VERSION_ANNOTATION = "belay.dev/password-version";
/** Keys of the Secret while the password changes: what comes after `password`, and what was before it. */
export const NEXT_PASSWORD = "next-password";
export const PREVIOUS_PASSWORD = "previous-password";

/** 0 where the spec says nothing: the password that was generated first. */
export function wantedPasswordVersion(cluster: RealtimeCluster): number {
  return managedRedis(cluster)?.passwordVersion ?? 0;
}

/** What stands behind `#` tells gateways apart that use another version, without telling the password. */
export function redisUrl(
  { name, namespace }: Pick<RealtimeCluster["metadata"], "name" | "namespace">,
  password: string,
  version: number,
): string {
  const url = `redis://:${password}@${names.redis(name)}.${namespace}.svc:${REDIS_PORT}`;
  return version === 0 ? url : `${url}#${version}`;
}

/** What Redis reads when it starts: everything that counts now. */
export function redisAuth(passwords: readonly string[]): string {
  const [only, ...others] = passwords;
  if (others.length === 0) return `requirepass ${only ?? ""}\n`;
  return `user default on ${passwords.map((each) => `>${each}`).join(" ")} ~* &* +@all\n`;
}

/** The same where servers log in to each other: what counts is the first. */
export function redisNodesAuth(passwords: readonly string[]): string {
  return `${redisAuth(passwords)}masterauth ${passwords[0] ?? ""}\n`;
}
