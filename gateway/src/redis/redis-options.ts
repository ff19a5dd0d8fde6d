import { isDeepStrictEqual } from "node:util";
import { Redis, type RedisOptions, type SentinelConnectionOptions, SentinelConnector, SentinelIterator } from "ioredis";
import type { Random } from "../clock.ts";
import { reconnectDelayMs } from "./redis-runtime.ts";
import { newestLogin, type RedisTarget, type SentinelTopology } from "./redis-topology.ts";
import type { RedisAddress } from "./redis-url.ts";

/** Bounds shared by every connection of a gateway. */
export interface RedisBounds {
  /** Milliseconds until a command without an answer is given up. Default 750: a publish fails within two of them. */
  readonly commandTimeoutMs: number;
  /** Milliseconds for a TCP (and TLS) handshake. Default 2,000. */
  readonly connectTimeoutMs: number;
  /** Longest pause between two attempts to connect. Default 1,000: traffic is back within 3 s after Redis is. */
  readonly reconnectCapMs: number;
}

export const DEFAULT_REDIS_BOUNDS: RedisBounds = {
  commandTimeoutMs: 750,
  connectTimeoutMs: 2_000,
  reconnectCapMs: 1_000,
};

/** What makes a connection: where, for whom, how patient. */
export interface RedisConnectionOptions {
  readonly target: RedisTarget;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  readonly bounds: RedisBounds;
  readonly random: Random;
  /** Commands of one turn of the event loop go out in one write. */
  readonly pipelined: boolean;
  /** Whether nobody needs the connection any more: until then it is made again and again. */
  readonly isClosed: () => boolean;
}

/** Not connected yet. Nothing waits in a queue of ioredis and nothing is sent twice behind our back: what fails, fails now. */
export function createRedis({ target, name, bounds, random, pipelined, isClosed }: RedisConnectionOptions): Redis {
  const retryDelayMs = (times: number): number => reconnectDelayMs(times, bounds.reconnectCapMs, random);
  let access = accessOptions(target);
  // Whoever is connected stays connected when a password changes; the next connection has to know it.
  const useNewest = (): void => {
    access = accessOptions(target);
    Object.assign(redis.options, access);
  };
  const redis = new Redis({
    ...(target.mode === "standalone" ? addressOptions(target.address) : sentinelOptions(target, bounds, retryDelayMs)),
    ...access,
    connectionName: name,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // 0 rejects what is in flight as soon as the connection closes, and leaves the reconnecting to retryStrategy.
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    enableAutoPipelining: pipelined,
    // A ping must not wait behind the batch whose silence it is to explain.
    autoPipeliningIgnoredCommands: ["ping"],
    commandTimeout: bounds.commandTimeoutMs,
    connectTimeout: bounds.connectTimeoutMs,
    keepAlive: 10_000,
    retryStrategy: (times) => {
      useNewest();
      return retryDelayMs(times);
    },
    // While sentinels are being asked again and again the login stays what it was: another attempt begins with another one.
    sentinelRetryStrategy: (times) =>
      isDeepStrictEqual(access, accessOptions(target)) ? retryDelayMs(times) : undefined,
    // A primary that became a replica answers READONLY for good: look the address up again.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  const connectAgain = (): void => {
    if (isClosed()) return;
    useNewest();
    redis.connect().catch(() => undefined);
  };
  // A switch that is told of while sentinels are being asked ends ioredis' attempts for good.
  redis.on("end", () => setTimeout(connectAgain, retryDelayMs(1)));
  return redis;
}

/** Replies are as ioredis has always given them. */
type ConnectionOptions = Omit<RedisOptions, "replyMapping">;

function addressOptions({ host, port, db }: RedisAddress): ConnectionOptions {
  return { host, port, db };
}

/** What may change while the gateway runs; what there is no more is `undefined`, and so takes away what was. */
function accessOptions(target: RedisTarget): ConnectionOptions {
  const { username, password, tls } = newestLogin(target);
  const login = { username, password, tls: tls && { ...tls } };
  if (target.mode === "standalone") return login;
  const { sentinels, sentinelLogin } = target.newest?.() ?? target;
  return {
    ...login,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    sentinelUsername: sentinelLogin.username,
    sentinelPassword: sentinelLogin.password,
    enableTLSForSentinelMode: tls !== undefined,
    sentinelTLS: tls && { ...tls },
  };
}

/** The sentinels are asked before every attempt to connect, and whoever they name must say itself that it is the primary. */
function sentinelOptions(
  target: SentinelTopology,
  bounds: RedisBounds,
  retryDelayMs: (times: number) => number,
): ConnectionOptions {
  return {
    name: target.masterName,
    role: "master",
    Connector: NewestSentinels,
    sentinelCommandTimeout: bounds.commandTimeoutMs,
    // On the connections that sentinels tell of a switch by; ioredis calls it on their options.
    sentinelReconnectStrategy(this: RedisOptions, times: number): number {
      const { sentinelUsername, sentinelPassword, sentinelTLS } = accessOptions(target);
      Object.assign(this, { username: sentinelUsername, password: sentinelPassword, tls: sentinelTLS });
      return retryDelayMs(times);
    },
    // A primary that is cut off from its sentinels only looks healthy: a switch that they tell of ends the connection to it.
    failoverDetector: true,
  };
}

/** ioredis copies the list of sentinels once, and adds what they tell of each other. */
class NewestSentinels extends SentinelConnector {
  #known: SentinelConnectionOptions["sentinels"];

  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    this.#known = this.options.sentinels;
  }

  override connect(...rest: Parameters<SentinelConnector["connect"]>): ReturnType<SentinelConnector["connect"]> {
    const { sentinels = [] } = this.options;
    if (!isDeepStrictEqual(sentinels, this.#known)) this.sentinelIterator = new SentinelIterator(sentinels);
    this.#known = sentinels;
    return super.connect(...rest);
  }
}

/**
 * Drops the socket; ioredis connects anew and resolves the name, or asks the sentinels, again. While it is connecting that is under
 * way, and a disconnect then would be for good.
 */
export function dropSocket(redis: Redis): void {
  if (redis.status === "ready" || redis.status === "connect") redis.stream.destroy();
}
