/** Puts together what the client port serves. */
import { JSON_CODEC, PROTOBUF_CODEC } from "@belay/protocol";
import type { ApiKey } from "./api/api-key.ts";
import type { ApiBackend } from "./api/api-method.ts";
import { ClientPort } from "./client-port.ts";
import type { GatewayDeps } from "./gateway.ts";
import type { AssembledServices } from "./assemble-services.ts";
import type { Services } from "./handlers/services.ts";
import { apiRouter } from "./http/api-server.ts";
import type { Route } from "./http/http-server.ts";
import type { Metrics } from "./http/metrics.ts";
import type { OpenedConnection } from "./http/stream-routes.ts";
import { ClientControl } from "./node/client-control.ts";
import { ClusterView, type NodeInfo } from "./node/cluster-view.ts";
import { EmulationRouter } from "./node/emulation.ts";
import type { SettingsSource } from "./settings.ts";
import { EmulatedSessions } from "./transport/emulated-sessions.ts";
import type { Socket } from "./transport/socket.ts";

export interface ClientPortParts {
  readonly settings: SettingsSource;
  readonly deps: GatewayDeps;
  readonly services: AssembledServices;
  readonly metrics: Metrics;
  /** Makes the connection that lives on a socket. */
  readonly open: (socket: Socket) => OpenedConnection;
  readonly openRoutes: ReadonlyMap<string, Route>;
  readonly describe: () => NodeInfo;
  readonly isGateClosed: () => boolean;
  readonly isClosing: () => boolean;
  readonly isFull: () => boolean;
}

function apiBackend(services: Services, describe: () => NodeInfo): ApiBackend {
  const { broker, bus, channels, clock, hub, inbox, nodeId, registry, revocations } = services;
  const own = { describe, channels: (pattern: string) => hub.subscriberCounts(pattern) };
  const cluster = new ClusterView({ nodeId, bus, registry, own });
  return { broker, channels, clock, inbox, revocations, cluster, control: new ClientControl(bus, registry) };
}

/** How long a key of the server API has to wait (LIM18). */
async function keyWaitMs({ services, metrics }: ClientPortParts, { name, requestsPerSecond }: ApiKey): Promise<number> {
  if (requestsPerSecond === undefined) return 0;
  const rate = { perSecond: requestsPerSecond, burst: requestsPerSecond };
  const { isGranted, retryAfterMs } = await services.limits.quota.take({ kind: "key", name }, rate);
  if (isGranted) return 0;
  metrics.limited.inc({ limit: "api_key" });
  return Math.max(1, retryAfterMs);
}

export function assembleClientPort(parts: ClientPortParts): ClientPort {
  const { settings, deps, services, metrics, open, openRoutes, isGateClosed, isClosing, isFull } = parts;
  const { bus, nodeId, registry } = services;
  const sessions = new EmulatedSessions();
  const api = apiRouter({
    settings,
    backend: apiBackend(services, parts.describe),
    waitMs: (key) => keyWaitMs(parts, key),
    onRequest: (method, outcome) => metrics.apiRequests.inc({ method, outcome }),
  });
  return new ClientPort({
    settings,
    clock: deps.clock,
    codecs: { json: JSON_CODEC, protobuf: PROTOBUF_CODEC },
    sessions,
    emulation: new EmulationRouter({
      nodeId,
      bus,
      accept: (session, frame) => sessions.accept(session, frame),
      isLive: (podUid) => registry.isLive(podUid),
    }),
    open,
    openRoutes,
    router: (path) => api(path) ?? deps.extraRoutes?.(path),
    isLeaving: isGateClosed,
    isClosing,
    isFull,
    observer: {
      onRefused: (reason) => metrics.refusedRequests.inc({ reason }),
      onEmulation: (result) => metrics.emulationRequests.inc({ result }),
      onFault: (error) => deps.log.error({ err: error }, "request failed"),
    },
  });
}
