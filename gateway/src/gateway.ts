/** What a gateway is to the program that runs it, and what it needs from there. */
import type { Logger } from "pino";
import type { RedisBrokerTiming } from "./broker/redis-broker.ts";
import type { Clock, Random } from "./clock.ts";
import type { HookTransport } from "./hooks/hook-transport.ts";
import type { Router } from "./http/http-server.ts";
import type { NodeIdentity } from "./node/node.ts";
import type { TakeoverTiming } from "./session/movable.ts";
import type { LeaseTiming } from "./registry/redis-lease.ts";

export interface GatewayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly identity: NodeIdentity;
  /** More routes of the client port, looked at last. */
  readonly extraRoutes?: Router;
  /** Hooks of a module in this process, instead of the configured URLs. */
  readonly hookTransport?: HookTransport;
  /** Instead of the documented times of leases, which docs/redis.md tells. */
  readonly leaseTiming?: Partial<LeaseTiming>;
  /** Instead of the documented times of the broker. */
  readonly brokerTiming?: Partial<RedisBrokerTiming>;
  /** Instead of the documented times of handovers. */
  readonly takeoverTiming?: Partial<TakeoverTiming>;
}

export interface Addresses {
  readonly clientPort: number;
  readonly controlPort: number;
}

export interface Gateway {
  /** Connects the broker, begins the lease, opens both ports. Rejects when a port is taken. */
  listen(): Promise<Addresses>;
  /** Drains as SIGTERM does; resolves when no socket is left, at the latest soon after the configured deadline. */
  drain(): Promise<void>;
  /** Closes everything; sockets that are left are dropped. */
  close(): Promise<void>;
}
