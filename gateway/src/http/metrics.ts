import { type DrainStatus, type RedisReport, TRANSPORT_NAMES, type TransportName } from "@belay/protocol/control";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import { DrainMetrics } from "./drain-metrics.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import { HookMetrics, type HookBreakers } from "./hook-metrics.ts";
import { InboxMetrics } from "./inbox-metrics.ts";
import type { Route } from "./http-server.ts";
import { registerRedisMetrics, type ReplicaRounds } from "./redis-metrics.ts";
import { send } from "./answer.ts";

/** Numbers that are kept elsewhere and only read when someone asks. */
export interface MetricSources {
  readonly clock: Pick<Clock, "nowMs">;
  /** Undefined without a Redis. */
  readonly redis: () => RedisReport | undefined;
  readonly replicaRounds: () => ReplicaRounds | undefined;
  readonly connections: () => number;
  readonly connectionsBy: (transport: TransportName) => number;
  /** Seconds since 1970; undefined without one. */
  readonly certificateEnd: () => number | undefined;
  readonly clients: () => number;
  readonly channels: () => number;
  readonly isBrokerConnected: () => boolean;
  readonly isEvicting: () => boolean;
  readonly isLeaseHeld: () => boolean;
  readonly isDraining: () => boolean;
  readonly drain: () => DrainStatus;
  readonly reconnectWindowSeconds: () => number;
  readonly isConfigRefused: () => boolean;
  readonly namespaces: () => number;
  readonly tokenKeys: () => number;
  readonly revocations: () => number;
  readonly bans: () => number;
  readonly linesSent: () => number;
  readonly writes: () => number;
  readonly bytesSent: () => number;
  readonly linesLeftOut: () => number;
  readonly hookBreakers: () => HookBreakers;
  readonly inboxes: () => number;
  readonly keptClients: () => number;
}

/** The metrics of one gateway; nothing is global, so that several may run in one process. */
export class Metrics {
  readonly #registry = new Registry();
  readonly commands: Counter<"command">;
  readonly refusals: Counter<"rule">;
  readonly closes: Counter<"code">;
  readonly apiRequests: Counter<"method" | "outcome">;
  readonly publications: Counter;
  readonly configReloads: Counter<"outcome">;
  readonly handshakes: Counter<"transport">;
  readonly refusedRequests: Counter<"reason">;
  readonly limited: Counter<"limit">;
  readonly quotaCalls: Counter<"outcome">;
  readonly emulationRequests: Counter<"result">;
  readonly duplicates: Counter;
  readonly gaps: Counter<"outcome">;
  readonly positionChecks: Counter;
  readonly tokensRefused: Counter<"reason">;
  readonly keySetFetches: Counter<"outcome">;
  readonly takeovers: Counter<"outcome">;
  readonly hooks: HookMetrics;
  readonly eventLoop: EventLoopDelay;
  readonly inbox: InboxMetrics;
  readonly drain: DrainMetrics;

  constructor(sources: MetricSources) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    const counter = <L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
      new Counter({ name: `belay_gateway_${name}`, help, labelNames, registers });
    this.commands = counter("commands_total", "Commands decoded, by kind.", ["command"]);
    this.refusals = counter(
      "refusals_total",
      "Frames and commands that closed their connection, by rule of PROTOCOL.md.",
      ["rule"],
    );
    this.closes = counter("closes_total", "Connections closed, by close code.", ["code"]);
    this.apiRequests = counter("api_requests_total", "Requests of the server API, by method and outcome.", [
      "method",
      "outcome",
    ]);
    this.publications = counter("publications_total", "Publications received from the broker.");
    this.configReloads = counter("config_reloads_total", "Changes of the configuration, accepted and refused.", [
      "outcome",
    ]);
    this.handshakes = counter("handshakes_total", "Sockets accepted, by transport.", ["transport"]);
    this.refusedRequests = counter(
      "refused_requests_total",
      "Connections and requests refused before they were served, by reason.",
      ["reason"],
    );
    this.limited = counter("limited_total", "Commands and connects refused for now, by the limit they were over.", [
      "limit",
    ]);
    this.quotaCalls = counter("quota_redis_calls_total", "Calls of Redis for limits that hold for the cluster.", [
      "outcome",
    ]);
    this.emulationRequests = counter("emulation_requests_total", "POSTs of clients of HTTP streams, by result.", [
      "result",
    ]);
    this.duplicates = counter("duplicates_total", "Publications that the broker brought twice; dropped.");
    this.gaps = counter("gaps_total", "Holes in a channel's order: filled from history, or lost and told.", [
      "outcome",
    ]);
    this.positionChecks = counter("position_checks_total", "Positions of idle channels compared with the broker's.");
    this.tokensRefused = counter("tokens_refused_total", "Tokens refused, by reason.", ["reason"]);
    this.keySetFetches = counter("key_set_fetches_total", "Fetches of key sets for tokens, by outcome.", ["outcome"]);
    this.takeovers = counter("takeovers_total", "Connections that were to be continued here, by outcome.", ["outcome"]);
    this.hooks = new HookMetrics(this.#registry, sources.hookBreakers);
    this.eventLoop = new EventLoopDelay(this.#registry, sources.clock);
    registerRedisMetrics(this.#registry, sources);
    this.inbox = new InboxMetrics(this.#registry, sources.inboxes);
    this.drain = new DrainMetrics(this.#registry, sources.drain);
    this.#gauges(sources);
    this.#counted(sources);
  }

  get route(): Route {
    return {
      methods: ["GET"],
      serve: async (request, response) => {
        const body = await this.#registry.metrics();
        send(request, response, { status: 200, type: this.#registry.contentType, body });
      },
    };
  }

  #gauges(sources: MetricSources): void {
    const gauge = (name: string, help: string, read: () => number | boolean): Gauge =>
      new Gauge({
        name: `belay_gateway_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(Number(read()));
        },
      });
    gauge("connections", "Open sockets.", sources.connections);
    this.#clientPortGauges(sources);
    gauge("clients", "Connected clients.", sources.clients);
    gauge("channels", "Channels with a subscriber here.", sources.channels);
    gauge("broker_connected", "1 while the broker is reached.", sources.isBrokerConnected);
    gauge("redis_may_evict", "1 while Redis may drop keys to save memory.", sources.isEvicting);
    gauge("lease_held", "1 while the ownership lease is renewed.", sources.isLeaseHeld);
    gauge("token_keys", "Keys that tokens may be signed with.", sources.tokenKeys);
    gauge("revocations", "Revocations and blocks known here.", sources.revocations);
    gauge("bans", "Users and addresses that have to stay away for a while.", sources.bans);
    gauge(
      "config_refused",
      "1 while the newest configuration is refused and an older one runs.",
      sources.isConfigRefused,
    );
    gauge("kept_clients", "Clients whose socket was lost and whose place is kept.", sources.keptClients);
    gauge("namespaces", "Namespaces of channels, the unprefixed one included.", sources.namespaces);
    gauge(
      "reconnect_window_seconds",
      "Time over which clients are asked to spread their return when this pod dies.",
      sources.reconnectWindowSeconds,
    );
    gauge("draining", "1 while a drain is under way or done.", sources.isDraining);
  }

  #clientPortGauges({ connectionsBy, certificateEnd }: MetricSources): void {
    const registers = [this.#registry];
    const byTransport: Gauge<"transport"> = new Gauge({
      name: "belay_gateway_transport_connections",
      help: "Open sockets, by transport.",
      labelNames: ["transport"],
      registers,
      collect: () => {
        for (const transport of TRANSPORT_NAMES) byTransport.set({ transport }, connectionsBy(transport));
      },
    });
    const end: Gauge = new Gauge({
      name: "belay_gateway_tls_certificate_end_seconds",
      help: "When the certificate of the client port ends, seconds since 1970; 0 without one.",
      registers,
      collect: () => end.set(certificateEnd() ?? 0),
    });
  }

  /** Counters whose hot path is a plain number. */
  #counted(sources: MetricSources): void {
    const counted = (name: string, help: string, read: () => number): Counter => {
      let reported = 0;
      return new Counter({
        name: `belay_gateway_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          const total = read();
          this.inc(total - reported);
          reported = total;
        },
      });
    };
    counted("lines_sent_total", "Replies and pushes sent.", sources.linesSent);
    counted("writes_total", "Writes to sockets.", sources.writes);
    counted("sent_bytes_total", "Bytes written to sockets.", sources.bytesSent);
    counted(
      "ephemeral_left_out_total",
      "Ephemeral publications not sent to a slow reader, because a newer one came.",
      sources.linesLeftOut,
    );
  }
}
