/** The only place that picks adapters. */
import type { Logger } from "pino";
import type { Broker } from "./broker/broker.ts";
import { MemoryBroker } from "./broker/memory-broker.ts";
import { openRedisBroker, type RedisBrokerTiming } from "./broker/redis-broker.ts";
import type { RedisDurability } from "./broker/redis-streams.ts";
import type { Clock, Random } from "./clock.ts";
import type { Inboxes } from "./inbox/inboxes.ts";
import { MemoryInboxes } from "./inbox/memory-inboxes.ts";
import { openRedisInboxes } from "./inbox/redis-inboxes.ts";
import type { NodeIdentity } from "./node/node.ts";
import type { NodeBus } from "./node/node-bus.ts";
import type { ClusterLimits } from "./limits/cluster-limits.ts";
import { memoryLimits } from "./limits/memory-limits.ts";
import { openRedisLimits } from "./limits/redis-limits.ts";
import { MemoryRegistry } from "./registry/memory-registry.ts";
import type { LeaseTiming } from "./registry/redis-lease.ts";
import type { RoundOutcome } from "./redis/replica-confirmation.ts";
import { RedisHealth } from "./redis/redis-health.ts";
import { followed } from "./redis/followed-topology.ts";
import { openRedisRegistry } from "./registry/redis-registry.ts";
import type { Registry } from "./registry/registry.ts";
import type { Revocations } from "./auth/verifier.ts";
import { MemoryRevocations } from "./revocations/memory-revocations.ts";
import { openRedisRevocations } from "./revocations/redis-revocations.ts";
import type { Settings, SettingsSource } from "./settings.ts";

/** What stands behind the ports between nodes. */
export interface Adapters {
  readonly broker: Broker;
  readonly registry: Registry;
  /** Absent without a Redis. */
  readonly redisHealth?: RedisHealth;
  readonly inboxes: Inboxes;
}

export interface AdapterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly identity: NodeIdentity;
  readonly leaseTiming?: Partial<LeaseTiming>;
  readonly brokerTiming?: Partial<RedisBrokerTiming>;
}

/** Settings for connections that live long: each attempt to connect takes what the files hold then. */
export function withNewestLogin(source: Pick<SettingsSource, "current">): Settings {
  const { current } = source;
  if (current.redis === undefined) return current;
  return { ...current, redis: followed(current.redis, () => source.current.redis) };
}

/** Picks broker, registry and inboxes by the configuration. */
export function openAdapters(
  settings: Pick<SettingsSource, "current">,
  { clock, random, log, identity, leaseTiming, brokerTiming }: AdapterDeps,
): Adapters {
  const { config, redis } = withNewestLogin(settings);
  const { podUid, revision } = identity;
  if (config.broker.type === "memory" || redis === undefined) {
    const epochPrefix = Math.floor(random() * 2 ** 48).toString(36);
    return {
      broker: new MemoryBroker({ epochPrefix, clock, nodeId: podUid }),
      registry: new MemoryRegistry({ podUid, revision }),
      inboxes: new MemoryInboxes({ epochPrefix, clock }),
    };
  }
  const shared = { url: redis, prefix: config.broker.prefix, clock, random, log };
  const registry = openRedisRegistry({
    ...shared,
    podUid,
    revision,
    mayEvict: () => broker.evictionRisk !== undefined,
    ...(leaseTiming && { timing: leaseTiming }),
  });
  const redisHealth = new RedisHealth(clock);
  const durability = (): RedisDurability => durabilityOf(settings.current);
  const onReplicaRound = (outcome: RoundOutcome): void => redisHealth.onReplicaRound(outcome);
  const broker = openRedisBroker({
    ...shared,
    nodeId: podUid,
    lease: () => registry.lease,
    durability,
    onProbe: (result, server) => redisHealth.onProbe(result, server),
    onReplicaRound,
    ...(brokerTiming && { timing: brokerTiming }),
  });
  return { registry, broker, redisHealth, inboxes: openRedisInboxes({ ...shared, durability, onReplicaRound }) };
}

function durabilityOf({ config: { broker } }: Settings): RedisDurability {
  return broker.type === "redis" ? broker.durability : "fast";
}

/** As the broker does: in Redis for the cluster, in memory for a single node. */
export function openRevocations(
  { config, redis }: Settings,
  { clock, random, log }: AdapterDeps,
  bus: NodeBus,
): Revocations {
  if (config.broker.type === "memory" || redis === undefined) return new MemoryRevocations(clock);
  return openRedisRevocations({ url: redis, prefix: config.broker.prefix, clock, random, log, bus });
}

/** As the broker does. */
export function openLimits(
  { config, redis }: Settings,
  { clock, random, log }: AdapterDeps,
  bus: NodeBus,
  onQuotaCall: (outcome: "ok" | "failed") => void,
): ClusterLimits {
  if (config.broker.type === "memory" || redis === undefined) return memoryLimits(clock);
  return openRedisLimits({ url: redis, prefix: config.broker.prefix, clock, random, log, bus, onQuotaCall });
}
