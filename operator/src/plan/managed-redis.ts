/** What a managed Redis lacks, and what is the matter with an external one that nobody reaches. */
import type { RedisSpec } from "../api/v1alpha1/gen/types.ts";
import { SENTINEL_MEMBERS } from "../resources/sentinel-topology.ts";
import type { Observed } from "./observed.ts";

/** No server of the managed Redis is ready: why, as far as that is known. */
export function startingProblem(observed: Observed): string | undefined {
  const isManaged = observed.cluster.spec.redis.type === "managed";
  if (!isManaged || observed.redisPods.some(({ isSentinel, ready }) => !isSentinel && ready)) return undefined;
  return `the managed Redis is not ready${problem(observed)}`;
}

/** What of nodes and sentinels is not there; empty when nothing is missing. */
export function lack(observed: Observed): string {
  const { redis } = observed.cluster.spec;
  if (redis.type !== "managed" || redis.mode !== "sentinel") return "";
  const ready = (isSentinel: boolean): number =>
    observed.redisPods.filter((pod) => pod.ready && pod.isSentinel === isSentinel).length;
  const [nodes, sentinels] = [ready(false), ready(true)];
  if (nodes === SENTINEL_MEMBERS && sentinels === SENTINEL_MEMBERS) return "";
  const count = `${nodes} of ${SENTINEL_MEMBERS} Redis pods and ${sentinels} of ${SENTINEL_MEMBERS} sentinels are ready`;
  const danger = sentinels * 2 > SENTINEL_MEMBERS ? "" : ", too few to promote another primary";
  return `; ${count}${danger}${problem(observed)}`;
}

function problem({ redisPods }: Observed): string {
  const pod = redisPods.find((each) => each.problem !== "");
  return pod === undefined ? "" : `; ${pod.name}: ${pod.problem}`;
}

/** Where to look when no gateway reaches Redis. */
export function redisHint(redis: RedisSpec): string {
  if (redis.type === "managed") return "see the pods and the volumes of the managed Redis";
  const { urlSecretRef, sentinel, cluster } = redis;
  if (sentinel !== undefined) {
    return `check spec.redis.sentinel: addresses, masterName "${sentinel.masterName}", passwords and TLS; and that the network lets pods reach the sentinels and every Redis they name`;
  }
  if (cluster !== undefined) {
    return "check spec.redis.cluster: addresses, password and TLS; and that the network lets pods reach every node, by the addresses that the nodes give each other";
  }
  const { name, key } = urlSecretRef ?? { name: "", key: "" };
  return `check the URL in Secret "${name}" (key "${key}") and that the network lets pods reach it`;
}
