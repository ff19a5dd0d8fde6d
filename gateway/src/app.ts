/** Builds a gateway from its parts. */
import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { CLOSE } from "@belay/protocol";
import { type Adapters, openAdapters } from "./adapters.ts";
import { assembleClientPort } from "./assemble-client-port.ts";
import { assembleDrain } from "./assemble-drain.ts";
import { assembleMetrics } from "./assemble-metrics.ts";
import { type AssembledServices, assembleServices } from "./assemble-services.ts";
import type { BrokerEvents } from "./broker/broker.ts";
import type { ClientPort } from "./client-port.ts";
import { Connection, type ConnectionDeps, type ConnectionObserver } from "./connection/connection.ts";
import { ConnectionTable } from "./connection/connection-table.ts";
import { FlushLoop } from "./connection/flush.ts";
import type { OutboxCounters } from "./connection/outbox.ts";
import { TimerWheel } from "./connection/timer-wheel.ts";
import type { Drainer } from "./drain/drainer.ts";
import type { Addresses, Gateway, GatewayDeps } from "./gateway.ts";
import { handle } from "./handlers/index.ts";
import { NamespaceFollower } from "./handlers/follow-namespaces.ts";
import { obeyRevocations } from "./handlers/obey-revocations.ts";
import { takeoverEvents } from "./handlers/obey-takeovers.ts";
import { carryOut, obeyClientControl } from "./handlers/obey-client-control.ts";
import { describeNode } from "./node/describe-node.ts";
import { controlRoutes } from "./http/control-server.ts";
import { healthRoutes } from "./http/health.ts";
import { closeServer, createHttpServer, listen, type Route } from "./http/http-server.ts";
import type { Metrics } from "./http/metrics.ts";
import { tellJoinLeave } from "./hub/join-leave.ts";
import type { WindowKeeper } from "./node/window-keeper.ts";
import type { NodeState } from "./node/load.ts";
import { configReport, type Settings, type SettingsSource } from "./settings.ts";
import type { Socket } from "./transport/socket.ts";

/** Resolution of connection timers, milliseconds. */
const WHEEL_TICK_MS = 100;
/** What sockets closed at the drain's deadline get to finish their close handshake, milliseconds. */
const CLOSE_GRACE_MS = 1000;

export function createGateway(settings: SettingsSource, deps: GatewayDeps): Gateway {
  return new GatewayApp(settings, deps);
}

class GatewayApp implements Gateway {
  readonly #settings: SettingsSource;
  readonly #deps: GatewayDeps;
  readonly #adapters: Adapters;
  readonly #services: AssembledServices;
  readonly #table = new ConnectionTable();
  readonly #flushLoop: FlushLoop;
  readonly #wheel: TimerWheel;
  readonly #drainer: Drainer;
  readonly #window: WindowKeeper;
  readonly #metrics: Metrics;
  readonly #namespaces: NamespaceFollower;
  readonly #clientPort: ClientPort;
  readonly #controlServer: Server;
  readonly #outboxCounters: OutboxCounters = { lines: 0, writes: 0, bytes: 0, leftOut: 0 };
  readonly #startMs: number;
  #isBrokerSeen = false;
  #isClosing = false;

  constructor(settings: SettingsSource, deps: GatewayDeps) {
    const { clock } = deps;
    this.#settings = settings;
    this.#deps = deps;
    this.#startMs = clock.nowMs();
    this.#adapters = openAdapters(settings, deps);
    const { limits } = settings.current.config;
    this.#flushLoop = new FlushLoop(clock, limits.maxOutboundBytes);
    this.#wheel = new TimerWheel(clock, WHEEL_TICK_MS);
    const parts = { settings, deps, metrics: () => this.#metrics };
    const leaving = assembleDrain({ ...parts, table: this.#table, registry: this.#adapters.registry });
    this.#drainer = leaving.drainer;
    this.#window = leaving.window;
    this.#services = assembleServices({
      ...parts,
      adapters: this.#adapters,
      isGateClosed: () => this.#isGateClosed,
      reconnectWindowMs: () => this.#window.ms,
    });
    this.#obey();
    this.#namespaces = new NamespaceFollower({
      services: this.#services,
      connections: () => this.#table.open,
      later: (work, ms) => void setTimeout(work, ms),
    });
    this.#metrics = assembleMetrics({
      settings,
      clock,
      adapters: this.#adapters,
      services: this.#services,
      table: this.#table,
      outbox: this.#outboxCounters,
      drainer: this.#drainer,
    });
    this.#clientPort = assembleClientPort({
      settings,
      deps,
      services: this.#services,
      metrics: this.#metrics,
      open: this.#opener(),
      openRoutes: this.#openRoutes(),
      describe: () => describeNode(deps.identity, this.#services.hub, clock.nowMs() - this.#startMs),
      isGateClosed: () => this.#isGateClosed,
      isClosing: () => this.#isClosing,
      isFull: () => this.#isFull,
    });
    this.#controlServer = this.#createControlServer();
    settings.onChange((changed) => this.#onSettings(changed));
    settings.onRefused((problems) => {
      this.#metrics.configReloads.inc({ outcome: "refused" });
      deps.log.error({ problems }, "configuration refused, the old one stays");
    });
  }

  /** What others ask for reaches connections here. */
  #obey(): void {
    const { takeovers, revocations, hub } = this.#services;
    obeyClientControl(this.#services);
    takeovers.start(this.#services, (connection, order) => {
      carryOut(connection, order, this.#services).catch((error: unknown) => this.#onFault(error));
    });
    obeyRevocations({
      revocations,
      connectionsOf: (user) => hub.clientsOf(user),
      connections: () => this.#table.open,
      awayOf: (user) => takeovers.awayOf(user),
    });
  }

  async listen(): Promise<Addresses> {
    const { broker, registry } = this.#adapters;
    this.#wheel.start();
    this.#metrics.eventLoop.start();
    this.#services.hub.start();
    this.#services.presence.start();
    this.#services.inbox.start();
    await Promise.all([
      broker.start(this.#brokerEvents()),
      registry.start({ ...takeoverEvents(this.#services), onLease: () => this.#services.presence.renew() }),
      this.#services.revocations.start(),
      this.#services.limits.start(),
    ]);
    this.#window.start();
    const { config } = this.#settings.current;
    const [client, control] = await Promise.all([
      this.#clientPort.listen(),
      listen(this.#controlServer, config.control),
    ]);
    this.#deps.log.info(
      { clientPort: client.port, controlPort: control.port, ...this.#deps.identity },
      "gateway listens",
    );
    return { clientPort: client.port, controlPort: control.port };
  }

  async drain(): Promise<void> {
    const { deadlineSeconds, ratePerSecond } = this.#settings.current.config.drain;
    if (this.#drainer.status.state !== "drained") this.#drainer.startFinal({ deadlineSeconds, ratePerSecond });
    this.#clientPort.endIdleConnections();
    const endMs = this.#deps.clock.nowMs() + deadlineSeconds * 1000 + CLOSE_GRACE_MS;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = setInterval(() => {
      if (this.#table.size > 0 && this.#deps.clock.nowMs() < endMs) return;
      clearInterval(look);
      resolve();
    }, 20);
    await promise;
    this.#deps.log.info({ ...this.#drainer.status }, "drained");
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#drainer.stop();
    this.#window.stop();
    this.#services.takeovers.close();
    for (const connection of this.#table.open) connection.close(CLOSE.shutdown);
    this.#wheel.stop();
    this.#metrics.eventLoop.stop();
    this.#services.hub.stop();
    this.#services.presence.stop();
    this.#services.hooks.close();
    this.#services.verifier[Symbol.dispose]();
    await Promise.all([this.#services.revocations.close(), this.#services.limits.close()]);
    await Promise.all([this.#clientPort.close(), closeServer(this.#controlServer)]);
    this.#services.inbox.close();
    await this.#adapters.registry.close();
    await this.#adapters.broker.close();
  }

  get #isFull(): boolean {
    const { maxConnections, handshakeBurst } = this.#settings.current.config.limits;
    return this.#table.size >= maxConnections + handshakeBurst;
  }

  get #isGateClosed(): boolean {
    return this.#isClosing || this.#drainer.isGateClosed;
  }

  #state(): NodeState {
    return {
      identity: this.#deps.identity,
      connections: this.#table.size,
      brokerConnected: this.#adapters.broker.connected,
      evictionRisk: this.#adapters.broker.evictionRisk,
      redis: this.#adapters.redisHealth?.report(),
      brokerSeen: this.#isBrokerSeen,
      revocationsLoaded: this.#services.revocations.isLoaded,
      isGateClosed: this.#isGateClosed,
      isLeaseHeld: this.#adapters.registry.leaseHeld,
      drain: this.#drainer.status,
      drainReason: this.#drainer.reason,
      config: configReport(this.#settings),
    };
  }

  #brokerEvents(): BrokerEvents {
    return {
      onPublication: (publication) => {
        this.#metrics.publications.inc();
        this.#services.hub.deliver(publication);
      },
      onPresenceEvent: (event) => tellJoinLeave(this.#services.hub.joinLeaveMembers(event.channel), event),
      onNodeMessage: (message) => this.#services.bus.receive(message),
      onConnected: (isConnected) => {
        this.#adapters.redisHealth?.onConnected(isConnected);
        // What was sent while the way was cut is missing here.
        if (isConnected && this.#isBrokerSeen) this.#services.inbox.lookSoon();
        this.#isBrokerSeen ||= isConnected;
        this.#deps.log.info({ isConnected }, "broker connection changed");
      },
      onGap: (isAffected) => void this.#services.hub.verifyPositions(isAffected),
    };
  }

  #onSettings(settings: Settings): void {
    const { config } = settings;
    this.#metrics.configReloads.inc({ outcome: "accepted" });
    this.#namespaces.follow();
    this.#drainer.noteLabels();
    this.#flushLoop.maxOutboundBytes = config.limits.maxOutboundBytes;
    this.#clientPort.onSettings(settings);
    if (this.#deps.log.level !== "silent") this.#deps.log.level = config.logLevel;
    this.#deps.log.info({ isTrafficOff: this.#settings.current.isTrafficOff }, "configuration changed");
  }

  #connectionDeps(): ConnectionDeps {
    return {
      services: this.#services,
      handle,
      random: this.#deps.random,
      flushLoop: this.#flushLoop,
      wheel: this.#wheel,
      outboxCounters: this.#outboxCounters,
      observer: this.#observer(),
    };
  }

  #observer(): ConnectionObserver {
    return {
      onCommand: ({ kind }) => this.#metrics.commands.inc({ command: kind }),
      onRefusal: (rule) => this.#metrics.refusals.inc({ rule }),
      onLimited: (limit) => this.#metrics.limited.inc({ limit }),
      onClosing: (connection, { code }) => {
        this.#table.markClosing(connection);
        this.#drainer.noteClosing(connection);
        this.#metrics.closes.inc({ code });
        this.#deps.log.debug({ connection: connection.logId, code }, "connection closes");
      },
      onClosed: (connection) => this.#table.remove(connection),
    };
  }

  /** Makes connections. Their number in logs is not their session: who knows that may speak for the client. */
  #opener(): (socket: Socket) => Connection {
    const deps = this.#connectionDeps();
    let opened = 0;
    return (socket) => {
      opened += 1;
      const connection = new Connection({ session: randomUUID(), logId: opened }, socket, deps);
      this.#table.add(connection);
      this.#metrics.handshakes.inc({ transport: socket.transport });
      const { remoteAddress, transport } = socket;
      this.#deps.log.debug({ connection: connection.logId, remote: remoteAddress, transport }, "connection opened");
      return connection;
    };
  }

  #createControlServer(): Server {
    const open = this.#openRoutes();
    const control = controlRoutes({
      settings: this.#settings,
      state: () => this.#state(),
      requestDrain: (request) => {
        const isTaken = this.#drainer.request(request);
        // Callers that keep a connection they seldom use would find it cut when the pod goes (DRN7).
        if (isTaken) this.#clientPort.endIdleConnections();
        this.#deps.log.info({ ...request, isTaken }, "drain requested");
        return isTaken;
      },
      sweep: ({ podUids }) => this.#adapters.registry.sweep(podUids),
    });
    return createHttpServer({
      router: (path) => control.get(path) ?? open.get(path),
      onFault: (error) => this.#onFault(error),
    });
  }

  #openRoutes(): ReadonlyMap<string, Route> {
    return new Map([...healthRoutes(() => this.#state()), ["/metrics", this.#metrics.route]]);
  }

  #onFault(error: unknown): void {
    this.#deps.log.error({ err: error }, "request failed");
  }
}
