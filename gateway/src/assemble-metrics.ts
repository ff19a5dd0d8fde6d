/** Wires what a node counts and measures to the parts that know it. */
import type { Adapters } from "./adapters.ts";
import type { AssembledServices } from "./assemble-services.ts";
import type { Clock } from "./clock.ts";
import { certificateEnd } from "./config/certificate.ts";
import type { ConnectionTable } from "./connection/connection-table.ts";
import type { OutboxCounters } from "./connection/outbox.ts";
import type { Drainer } from "./drain/drainer.ts";
import { Metrics } from "./http/metrics.ts";
import type { SettingsSource } from "./settings.ts";

export interface MetricParts {
  readonly settings: SettingsSource;
  readonly clock: Clock;
  readonly adapters: Adapters;
  readonly services: AssembledServices;
  readonly table: ConnectionTable;
  readonly outbox: OutboxCounters;
  readonly drainer: Pick<Drainer, "isRequested" | "status">;
}

/** Values are read when the metrics are, so that parts which change stay true. */
export function assembleMetrics({ settings, clock, adapters, services, table, outbox, drainer }: MetricParts): Metrics {
  const { broker, registry, redisHealth } = adapters;
  return new Metrics({
    clock,
    redis: () => redisHealth?.report(),
    replicaRounds: () => redisHealth?.replicaRounds,
    connections: () => table.size,
    connectionsBy: (transport) => table.sizeOf(transport),
    certificateEnd: () => {
      const { certificate } = settings.current;
      return certificate === undefined ? undefined : certificateEnd(certificate);
    },
    clients: () => services.hub.clientCount,
    channels: () => services.hub.channelCount,
    isBrokerConnected: () => broker.connected,
    isEvicting: () => broker.evictionRisk !== undefined,
    isLeaseHeld: () => registry.leaseHeld,
    isDraining: () => drainer.isRequested,
    drain: () => drainer.status,
    reconnectWindowSeconds: () => services.reconnectWindowMs() / 1000,
    isConfigRefused: () => settings.refusal !== undefined,
    namespaces: () => settings.current.channels.names.length,
    tokenKeys: () => services.verifier.keyCount,
    revocations: () => services.revocations.size,
    bans: () => services.bans.size,
    linesSent: () => outbox.lines,
    writes: () => outbox.writes,
    bytesSent: () => outbox.bytes,
    linesLeftOut: () => outbox.leftOut,
    hookBreakers: () => services.hooks.breakers,
    inboxes: () => services.inbox.openCount,
    keptClients: () => services.takeovers.keptCount,
  });
}
