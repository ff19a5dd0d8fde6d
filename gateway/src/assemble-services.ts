/** Puts together what handlers work with. With `adapters.ts` the only place that picks implementations. */
import { randomBytes, randomUUID } from "node:crypto";
import { makeDelta } from "@belay/protocol";
import { type Adapters, openLimits, openRevocations, withNewestLogin } from "./adapters.ts";
import { createJwtVerifier, type JwtVerifier } from "./auth/jwt-verifier.ts";
import type { ChannelTable } from "./channels/namespace.ts";
import type { Clock } from "./clock.ts";
import type { GatewayDeps } from "./gateway.ts";
import { obeyChallenges } from "./handlers/obey-challenges.ts";
import type { ClientConnection, Services } from "./handlers/services.ts";
import type { ApplicationHooks } from "./hooks/application-hooks.ts";
import { openHooks } from "./hooks/open-hooks.ts";
import type { Metrics } from "./http/metrics.ts";
import { Hub } from "./hub/hub.ts";
import { Subscriptions } from "./hub/subscriptions.ts";
import { InboxDesk } from "./inbox/inbox-desk.ts";
import { Admission } from "./limits/admission.ts";
import type { ClusterLimits } from "./limits/cluster-limits.ts";
import { UserQuota } from "./limits/user-quota.ts";
import { BrokerBus } from "./node/broker-bus.ts";
import type { NodeBus } from "./node/node-bus.ts";
import { UserConnections } from "./node/user-connections.ts";
import { PresenceKeeper } from "./presence/presence-keeper.ts";
import type { Registry } from "./registry/registry.ts";
import type { SettingsSource } from "./settings.ts";
import { NodeTakeovers } from "./takeover/takeovers.ts";

export interface ServiceParts {
  readonly settings: SettingsSource;
  readonly deps: GatewayDeps;
  readonly adapters: Adapters;
  readonly metrics: () => Metrics;
  readonly isGateClosed: () => boolean;
  readonly reconnectWindowMs: () => number;
}

/** The bus as the broker feeds it, the verifier and the limits as they are closed, and the hooks as metrics show them. */
export type AssembledServices = Services & {
  readonly bus: BrokerBus;
  readonly verifier: JwtVerifier;
  readonly hooks: ApplicationHooks;
  readonly limits: ClusterLimits;
  readonly takeovers: NodeTakeovers;
};

function openBus({ identity, log }: GatewayDeps, { broker }: Adapters): BrokerBus {
  return new BrokerBus({
    broker,
    nodeId: identity.podUid,
    newId: () => randomUUID(),
    onFault: (kind, error) => log.error({ kind, err: error }, "a message of another node could not be served"),
  });
}

type LimitServices = "limits" | "bans" | "admission" | "userQuota" | "userConnections";

interface LimitParts extends Pick<ServiceParts, "settings" | "metrics"> {
  readonly clock: Clock;
  readonly hub: Hub<ClientConnection>;
  readonly limits: ClusterLimits;
  readonly registry: Registry;
  readonly bus: NodeBus;
}

function limitServices(parts: LimitParts): Pick<AssembledServices, LimitServices> {
  const { settings, clock, hub, limits, registry, bus, metrics } = parts;
  const { bans, quota } = limits;
  const admission = new Admission({
    settings,
    clock,
    bans,
    clients: () => hub.clientCount,
    onRefused: (limit) => metrics().limited.inc({ limit }),
  });
  const userConnections = new UserConnections({
    limits: () => settings.current.config.limits,
    registry,
    bus,
    onRefused: () => metrics().limited.inc({ limit: "user" }),
  });
  return { limits, bans, admission, userQuota: new UserQuota(settings, quota), userConnections };
}

function openInboxDesk({ settings, deps, adapters, metrics }: ServiceParts, bus: BrokerBus): InboxDesk {
  return new InboxDesk({
    inboxes: adapters.inboxes,
    registry: adapters.registry,
    bus,
    nodeId: deps.identity.podUid,
    settings: () => {
      const { inbox, limits } = settings.current.config;
      const { enabled: isEnabled, size, ttlSeconds } = inbox;
      return { isEnabled, size, ttlMs: ttlSeconds * 1000, maxQueuedBytes: limits.maxOutboundBytes / 4 };
    },
    observer: {
      onSent: (isRepeat) => metrics().inbox.onSent(isRepeat),
      onDelivered: () => metrics().inbox.onDelivered(),
      onRemoved: (reason, count) => metrics().inbox.onRemoved(reason, count),
      onNudge: () => metrics().inbox.onNudge(),
    },
    onFault: (error) => deps.log.error({ err: error }, "an inbox could not be served"),
  });
}

export function assembleServices(parts: ServiceParts): AssembledServices {
  const { settings, deps, adapters, metrics, isGateClosed, reconnectWindowMs } = parts;
  const { clock, random, log, identity } = deps;
  const { broker, registry } = adapters;
  const channels = (): ChannelTable => settings.current.channels;
  const hub = new Hub<ClientConnection>({
    readHistory: (request) => broker.history(request),
    showsOffset: (channel) => {
      const lookup = channels().find(channel);
      return lookup.ok && lookup.namespace.history !== undefined;
    },
    makeDelta,
    clock,
    observer: {
      onPositionChecked: () => metrics().positionChecks.inc(),
      onDuplicate: () => metrics().duplicates.inc(),
      onGap: (isFilled) => metrics().gaps.inc({ outcome: isFilled ? "filled" : "lost" }),
    },
  });
  const bus = openBus(deps, adapters);
  const revocations = openRevocations(withNewestLogin(settings), deps, bus);
  const verifier = createJwtVerifier({
    settings,
    clock,
    random,
    log,
    revocations,
    onRefused: (reason) => metrics().tokensRefused.inc({ reason }),
    onFetched: (outcome) => metrics().keySetFetches.inc({ outcome }),
  });
  const limits = openLimits(withNewestLogin(settings), deps, bus, (outcome) => metrics().quotaCalls.inc({ outcome }));
  const takeovers = new NodeTakeovers({
    randomBytes,
    timing: deps.takeoverTiming,
    onOutcome: (outcome) => metrics().takeovers.inc({ outcome }),
  });
  obeyChallenges({ bus, hub, takeovers });
  return {
    ...limitServices({ settings, clock, hub, limits, registry, bus, metrics }),
    clock,
    log,
    settings,
    broker,
    registry,
    hub,
    channels,
    isGateClosed,
    reconnectWindowMs,
    subscriptions: new Subscriptions(broker),
    presence: new PresenceKeeper(broker, log),
    verifier,
    revocations,
    hooks: openHooks({ settings, clock, log, transport: deps.hookTransport, observer: () => metrics().hooks }),
    bus,
    inbox: openInboxDesk(parts, bus),
    takeovers,
    nodeId: identity.podUid,
    newClientId: () => randomUUID(),
  };
}
