import { createRedis, type RedisConnectionOptions } from "./redis-options.ts";
import type { RedisTopology } from "./redis-topology.ts";
import type { RedisAddress } from "./redis-url.ts";

export interface ReplicaRunIdOptions extends Omit<
  RedisConnectionOptions,
  "name" | "pipelined" | "target" | "isClosed"
> {
  readonly topology: RedisTopology;
}

/** Run id of the server at `host:port`, asked on a connection of its own with the login of the primary. Rejects where it is not reached. */
export async function readReplicaRunId(
  endpoint: string,
  { topology, ...options }: ReplicaRunIdOptions,
): Promise<string> {
  let isAsked = false;
  const target = { mode: "standalone", address: addressOf(endpoint, topology) } as const;
  const redis = createRedis({ ...options, target, name: "belay-replica", pipelined: false, isClosed: () => isAsked });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    const runId = /run_id:(\w+)/.exec(await redis.info("server"))?.[1];
    if (runId === undefined) throw new Error("INFO has no run id");
    return runId;
  } finally {
    isAsked = true;
    redis.disconnect();
  }
}

function addressOf(endpoint: string, topology: RedisTopology): RedisAddress {
  const colon = endpoint.lastIndexOf(":");
  const place = { host: endpoint.slice(0, colon), port: Number(endpoint.slice(colon + 1)) };
  return topology.mode === "standalone" ? { ...topology.address, ...place } : { ...topology.login, ...place, db: 0 };
}
