/** Secrets that the operator generates once and keeps. Their values come from `apply`, because builders know no randomness. */
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta, type Component } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";
import { redisAuth, redisNodesAuth, redisUrl } from "./redis-password.ts";

/** A Secret with values to be generated: `values` turns random text into what is stored under each key. */
export interface GeneratedSecret {
  readonly name: string;
  readonly component: Component;
  /** Keys with a random value of their own. */
  readonly randomKeys: readonly string[];
  /** Keys made from the random ones. */
  readonly derived: (random: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
}

const nothing = (): Readonly<Record<string, string>> => ({});

export function generatedSecrets({ metadata: { name, namespace }, spec }: RealtimeCluster): readonly GeneratedSecret[] {
  const keys: GeneratedSecret = {
    name: names.keys(name),
    component: "gateway",
    randomKeys: ["api-key", "control-token", "hmac"],
    derived: nothing,
  };
  if (spec.redis.type !== "managed") return [keys];
  if (spec.redis.mode === "sentinel") return [keys, redisNodesSecret(name)];
  const redis: GeneratedSecret = {
    name: names.redis(name),
    component: "redis",
    randomKeys: ["password"],
    derived: ({ password = "" }) => ({
      url: redisUrl({ name, namespace }, password, 0),
      "auth.conf": redisAuth([password]),
    }),
  };
  return [keys, redis];
}

/** One password for servers, replicas and sentinels. */
function redisNodesSecret(name: string): GeneratedSecret {
  return {
    name: names.redisNodes(name),
    component: "redis-node",
    randomKeys: ["password"],
    derived: ({ password = "" }) => ({ "auth.conf": redisNodesAuth([password]) }),
  };
}

/** Keys that must be there for the Secret to be complete. */
export function expectedKeys(secret: GeneratedSecret): readonly string[] {
  return [...secret.randomKeys, ...Object.keys(secret.derived({}))];
}

export function secretManifest(
  cluster: RealtimeCluster,
  secret: GeneratedSecret,
  data: Readonly<Record<string, string>>,
): Manifest {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: childMeta(cluster, secret.name, secret.component),
    type: "Opaque",
    data,
  };
}
