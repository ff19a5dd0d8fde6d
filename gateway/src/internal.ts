/** The door for tests and benches: what is public in the package but not part of what `main.ts` offers. */

export {
  type Broker,
  type BrokerEvents,
  type BrokerPublication,
  BrokerUnavailableError,
  type EphemeralPublication,
  type History,
  type HistoryRequest,
  type Position,
  type PresenceEvent,
  type PresenceMember,
  type PublishOutcome,
  type PublishRequest,
  type StoredPublication,
} from "./broker/broker.ts";
export {
  openRedisBroker,
  type RedisBrokerHooks,
  type RedisBrokerOptions,
  type RedisBrokerTiming,
} from "./broker/redis-broker.ts";
export type { RedisTopology } from "./redis/redis-topology.ts";
export { type Inboxes, type InboxMessage, type InboxSent, MAX_GROUPS } from "./inbox/inboxes.ts";
export type { RedisLog, RedisRuntime } from "./redis/redis-runtime.ts";
export type { Revocation, Revocations } from "./auth/verifier.ts";
export type { ClusterLimits } from "./limits/cluster-limits.ts";
export { createLog } from "./log.ts";
export type { LeaseTiming } from "./registry/redis-lease.ts";
export type { Contest, LiveNode, Owner, Ownership, Registry, RegistryEntry } from "./registry/registry.ts";
export {
  openRedisRegistry,
  type RedisRegistryHooks,
  type RedisRegistryOptions,
  type RedisRegistryTiming,
} from "./registry/redis-registry.ts";
export type { SweptLease } from "./registry/redis-sweep.ts";
