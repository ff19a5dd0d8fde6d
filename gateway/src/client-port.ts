/** The client port: everything between a TCP connection and the connection that lives on it. */
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TransportName } from "@belay/protocol/control";
import {
  type Admission,
  type AdmissionReason,
  type AdmissionRules,
  admitClient,
  isTransportSecure,
} from "./access/admission.ts";
import { Networks, siteOf } from "./access/networks.ts";
import { OriginPolicy } from "./access/origin-policy.ts";
import type { Clock } from "./clock.ts";
import { EMULATION_PATH, emulationRoute, type EmulationResult } from "./http/emulation-route.ts";
import { closeServer, createHttpServer, listen, type Route, type Router } from "./http/http-server.ts";
import { IdleConnections } from "./http/idle-connections.ts";
import { type OpenedConnection, streamRoutes } from "./http/stream-routes.ts";
import { websocketRoute } from "./http/websocket-route.ts";
import { TokenBuckets } from "./limits/token-buckets.ts";
import { type EmulationRouter } from "./node/emulation.ts";
import type { Settings, SettingsSource } from "./settings.ts";
import type { EmulatedSessions } from "./transport/emulated-sessions.ts";
import type { Codecs } from "./transport/stream-request.ts";
import { Intake, type IntakeRefusal } from "./transport/intake.ts";
import type { Socket } from "./transport/socket.ts";
import { WsServer } from "./transport/ws-server.ts";

export interface ClientPortOptions {
  readonly settings: SettingsSource;
  readonly clock: Pick<Clock, "nowMs">;
  readonly codecs: Codecs;
  readonly sessions: EmulatedSessions;
  readonly emulation: EmulationRouter;
  /** Makes the connection that lives on a socket. */
  readonly open: (socket: Socket) => OpenedConnection;
  /** Paths that are served in plain text even where TLS is required: whoever asks there has no secret to say. */
  readonly openRoutes: ReadonlyMap<string, Route>;
  /** All other paths. */
  readonly router: Router;
  readonly isLeaving: () => boolean;
  /** The process is about to end. */
  readonly isClosing: () => boolean;
  /** So many sockets are open that not even a refusal can be given in an orderly way (LIM14). */
  readonly isFull: () => boolean;
  readonly observer: ClientPortObserver;
}

/** For metrics and the log. */
interface ClientPortObserver {
  onRefused(reason: AdmissionReason | IntakeRefusal): void;
  onEmulation(result: EmulationResult): void;
  onFault(error: unknown): void;
}

/** Longer than a request is under way; callers that use a connection at all use it more often. */
const LEAVING_IDLE_MS = 2_000;
/** Addresses whose requests are counted at once; more, and the oldest begins anew. About 10 MB. */
const MAX_ADDRESSES = 50_000;
const EMULATED: readonly TransportName[] = ["sse", "http_stream"];

export class ClientPort {
  readonly #options: ClientPortOptions;
  readonly #server: Server;
  readonly #idle = new IdleConnections();
  readonly #intake: Intake;
  readonly #websockets: WsServer;
  #rules: AdmissionRules;
  #proxyNetworks: Networks;
  readonly #emulationRates = new TokenBuckets(MAX_ADDRESSES);

  constructor(options: ClientPortOptions) {
    this.#options = options;
    const { current } = options.settings;
    this.#rules = rulesOf(current);
    this.#proxyNetworks = new Networks(current.config.proxies.proxyProtocolFrom);
    this.#websockets = this.#createWebsockets();
    this.#server = this.#createServer();
    this.#intake = new Intake(this.#server, {
      proxyNetworks: () => this.#proxyNetworks,
      minTlsVersion: `TLSv${current.config.tls.minVersion}`,
      certificate: current.certificate,
      onRefused: (reason) => options.observer.onRefused(reason),
    });
  }

  listen(): Promise<AddressInfo> {
    return listen(this.#server, this.#options.settings.current.config.listen);
  }

  /** Ends connections that go on waiting for a request (DRN7). */
  endIdleConnections(): void {
    this.#idle.endUnusedAfter(LEAVING_IDLE_MS);
  }

  /** Acts on what comes from now on; sockets that are open stay. */
  onSettings(settings: Settings): void {
    this.#rules = rulesOf(settings);
    this.#proxyNetworks = new Networks(settings.config.proxies.proxyProtocolFrom);
    this.#websockets.maxMessageBytes = settings.config.limits.maxMessageBytes;
    this.#intake.certificate = settings.certificate;
  }

  async close(): Promise<void> {
    this.#websockets.terminateAll();
    this.#intake.close();
    await closeServer(this.#server);
  }

  #createWebsockets(): WsServer {
    const { settings, open } = this.#options;
    return new WsServer({
      maxMessageBytes: settings.current.config.limits.maxMessageBytes,
      open,
      admit: (request, transport) => this.#admit(request, [transport]),
      deflation: () => {
        const { enabled, ...deflation } = settings.current.config.transports.compression;
        return enabled ? deflation : undefined;
      },
      refusal: () => this.#unavailable(),
    });
  }

  #unavailable(): { readonly status: 503; readonly problem: string } | undefined {
    const { isClosing, isFull } = this.#options;
    if (isClosing()) return { status: 503, problem: "the server stops" };
    return isFull() ? { status: 503, problem: "too many connections" } : undefined;
  }

  #createServer(): Server {
    const { openRoutes, router, isLeaving, observer } = this.#options;
    const streams = this.#streamRoutes();
    const emulation = this.#emulationRoute();
    return createHttpServer({
      router: (path) => {
        if (path === EMULATION_PATH) return emulation;
        return openRoutes.get(path) ?? streams(path) ?? websocketRoute(path) ?? router(path);
      },
      refusal: (request, path) => {
        if (openRoutes.has(path) || isTransportSecure(request, this.#intake.clientOf(request.socket), this.#rules))
          return undefined;
        observer.onRefused("plain_text");
        return { status: 403, problem: "TLS is required" };
      },
      onUpgrade: (request, stream, head) => this.#websockets.handleUpgrade(request, stream, head),
      isLeaving,
      idle: this.#idle,
      onFault: (error) => observer.onFault(error),
    });
  }

  #streamRoutes(): Router {
    const { codecs, open, sessions } = this.#options;
    return streamRoutes({
      admit: (request, transport) => this.#admit(request, [transport]),
      codecs,
      open,
      sessions,
      maxMessageBytes: () => this.#maxMessageBytes,
    });
  }

  #emulationRoute(): Route {
    const { codecs, clock, emulation, observer } = this.#options;
    return emulationRoute({
      admit: (request) => this.#admit(request, EMULATED),
      codecs,
      route: (frame) => emulation.route(frame),
      maxMessageBytes: () => this.#maxMessageBytes,
      isWithinRate: (address) => {
        const { emulationRequestsPerSecond: perSecond, emulationBurst: burst } = this.#limits;
        return this.#emulationRates.take(siteOf(address), clock.nowMs(), { perSecond, burst });
      },
      onResult: (result) => observer.onEmulation(result),
    });
  }

  #admit(request: IncomingMessage, transports: readonly TransportName[]): Admission {
    const admission = admitClient(request, this.#intake.clientOf(request.socket), transports, this.#rules);
    if (!admission.ok) this.#options.observer.onRefused(admission.reason);
    return admission;
  }

  get #maxMessageBytes(): number {
    return this.#limits.maxMessageBytes;
  }

  get #limits(): Settings["config"]["limits"] {
    return this.#options.settings.current.config.limits;
  }
}

function rulesOf({ config: { transports, tls, proxies } }: Settings): AdmissionRules {
  return {
    origins: new OriginPolicy(transports.allowedOrigins),
    forwardedFrom: new Networks(proxies.forwardedFrom),
    requiresTls: tls.requireTLS,
    transports: new Set(transports.enabled),
  };
}
