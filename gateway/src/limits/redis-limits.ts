import type { Clock } from "../clock.ts";
import type { NodeBus } from "../node/node-bus.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import { openCommands } from "../redis/open-connections.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { DEFAULT_REDIS_BOUNDS, type RedisBounds } from "../redis/redis-options.ts";
import type { RedisRuntime } from "../redis/redis-runtime.ts";
import { type RedisTopology, topologyOf } from "../redis/redis-topology.ts";
import { LeasedQuota } from "./leased-quota.ts";
import type { ClusterLimits } from "./cluster-limits.ts";
import { RedisBans } from "./redis-bans.ts";
import { RedisTokens } from "./redis-tokens.ts";

export interface RedisLimitsOptions extends RedisRuntime {
  readonly clock: Clock;
  readonly url: string | RedisTopology;
  readonly prefix: string;
  readonly bus: Pick<NodeBus, "tell" | "on">;
  readonly onQuotaCall: (outcome: "ok" | "failed") => void;
  /** Between two looks at the bans, milliseconds. Default 1,000. */
  readonly syncIntervalMs?: number;
  /** Longest wait of `start` for the bans. Default 2,000. */
  readonly startTimeoutMs?: number;
  readonly bounds?: Partial<RedisBounds>;
}

/** Limits of the cluster over one connection. Throws RedisUrlError. Nothing is connected before `start`. */
export function openRedisLimits(options: RedisLimitsOptions): ClusterLimits {
  return new RedisLimits(options);
}

class RedisLimits implements ClusterLimits {
  readonly quota: LeasedQuota;
  readonly bans: RedisBans;
  readonly #commands: CommandConnection;
  readonly #first = Promise.withResolvers<void>();
  readonly #startTimeoutMs: number;

  constructor(options: RedisLimitsOptions) {
    const { clock, random, log, bus, onQuotaCall, syncIntervalMs = 1_000 } = options;
    this.#startTimeoutMs = options.startTimeoutMs ?? 2_000;
    const keys = new RedisKeys(options.prefix);
    this.#commands = openCommands(topologyOf(options.url), {
      clock,
      random,
      log,
      bounds: { ...DEFAULT_REDIS_BOUNDS, ...options.bounds },
      name: "belay-limits",
      homeKey: keys.bans,
      onAvailable: (available) => {
        if (available) void this.bans.reconnected().then(this.#first.resolve);
      },
    });
    this.bans = new RedisBans({ commands: this.#commands, keys, clock, random, bus, syncIntervalMs });
    this.quota = new LeasedQuota({ store: new RedisTokens(this.#commands, keys), clock, onCall: onQuotaCall });
  }

  async start(): Promise<void> {
    this.#commands.open();
    this.bans.start();
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, this.#startTimeoutMs);
    await Promise.race([this.#first.promise, timeout.promise]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.#commands.close();
    await this.bans.close();
  }
}
