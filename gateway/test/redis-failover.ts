import { eventually, type RedisServer, startRedis, TcpProxy } from "@belay/testkit";
import { Redis } from "ioredis";
import { onTestFinished } from "vitest";

/** A primary with replicas behind one address that moves when a replica is promoted by hand. */
export interface FailoverRig {
  /** Where gateways connect: the primary of the moment. */
  readonly url: string;
  readonly primary: RedisServer;
  readonly replicas: readonly RedisServer[];
  /** From now on that replica is told nothing; primary and replica believe in their connection. */
  readonly lag: (replica: number) => void;
  /** Kills the primary and promotes that replica; the address moves to it. */
  readonly failOver: (replica: number) => Promise<void>;
  readonly client: (server: RedisServer) => Redis;
}

export async function openFailoverRig(count = 1): Promise<FailoverRig> {
  const primary = await startRedis();
  const replicas = await Promise.all(Array.from({ length: count }, () => startRedis()));
  const front = await TcpProxy.start(primary.port);
  const links = await Promise.all(replicas.map(() => TcpProxy.start(primary.port)));
  await configure(primary);
  for (const [index, replica] of replicas.entries()) {
    await configure(replica);
    await clientOf(replica).replicaof("127.0.0.1", links[index]?.port ?? 0);
  }
  await eventually("replicas in sync", 10_000, async () => (await onlineReplicas(primary)) === count);
  return {
    url: `redis://127.0.0.1:${front.port}`,
    primary,
    replicas,
    lag: (index) => void links[index]?.swallowReplies("PSYNC"),
    failOver: async (index) => {
      await primary.kill();
      const promoted = at(replicas, index);
      await clientOf(promoted).replicaof("NO", "ONE");
      front.moveTo(promoted.port);
    },
    client: clientOf,
  };
}

/** By default a first synchronisation waits 5 s for a second replica. */
async function configure(server: RedisServer): Promise<void> {
  await clientOf(server).config("SET", "repl-diskless-sync-delay", "0");
}

export async function onlineReplicas(server: RedisServer): Promise<number> {
  const info = await clientOf(server).info("replication");
  return [...info.matchAll(/state=online/g)].length;
}

export function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no item ${index}`);
  return found;
}

export function clientOf(server: RedisServer): Redis {
  const client = new Redis(server.url);
  // It may outlive its server in a test that kills one.
  client.on("error", () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}
