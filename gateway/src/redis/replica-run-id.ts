import { createRedis, type RedisConnectionOptions } from "./redis-options.ts";
import { nodeOf, type RedisTopology } from "./redis-topology.ts";

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
  const target = nodeOf(endpoint, topology);
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
