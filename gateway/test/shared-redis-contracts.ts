import { openRedisBroker, openRedisRegistry, type RedisTopology } from "@belay/gateway/internal";
import { brokerContract, inboxContract, registryContract } from "@belay/testkit";
import type { RedisDurability } from "../src/broker/redis-streams.ts";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { testRuntime } from "./redis-test-runtime.ts";
import { stateContracts } from "./state-contracts.ts";

export interface SharedRedis {
  readonly name: string;
  /** What it is called where it is asked for replicated durability. */
  readonly replicatedName: string;
  /** Known once the file's `beforeAll` has run. */
  readonly url: () => RedisTopology;
}

/** Nothing to end: all contracts of a file share one group of servers, which takes seconds to start. */
const nothing = { [Symbol.asyncDispose]: () => Promise.resolve() };

const replicated = { prefix: "belay:replicated:", durability: (): RedisDurability => "replicated" };

/** Every contract that what is kept in Redis has, on servers that a file has started. */
export function sharedRedisContracts({ name, replicatedName, url }: SharedRedis): void {
  brokerContract({
    name,
    nodes: 2,
    openMedium: async () => ({
      open: (nodeId = "") => openRedisBroker({ url: url(), prefix: "belay:", nodeId, ...testRuntime() }),
      ...nothing,
    }),
  });
  brokerContract({
    name: replicatedName,
    nodes: 2,
    openMedium: async () => ({
      open: (nodeId = "") => openRedisBroker({ url: url(), nodeId, ...replicated, ...testRuntime() }),
      ...nothing,
    }),
  });
  inboxContract({
    name: replicatedName,
    nodes: 2,
    openMedium: async () => ({
      open: () => openRedisInboxes({ url: url(), ...replicated, ...testRuntime() }),
      ...nothing,
    }),
  });
  registryContract({
    name,
    nodes: 2,
    openMedium: async () => ({
      open: (podUid, revision) =>
        openRedisRegistry({
          url: url(),
          prefix: "belay:",
          podUid,
          revision,
          timing: { beatIntervalMs: 300 },
          ...testRuntime(),
        }),
      ...nothing,
    }),
  });
  stateContracts(name, url);
}
