import { Redis, type RedisOptions } from "ioredis";
import type { Random } from "../clock.ts";
import { reconnectDelayMs } from "./redis-runtime.ts";
import type { RedisLogin, RedisTarget, SentinelTopology } from "./redis-topology.ts";
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
  const redis = new Redis({
    ...(target.mode === "standalone" ? addressOptions(target.address) : sentinelOptions(target, bounds, retryDelayMs)),
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
      useNewestLogin(redis, target);
      return retryDelayMs(times);
    },
    // A primary that became a replica answers READONLY for good: look the address up again.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  const connectAgain = (): void => void (isClosed() || redis.connect().catch(() => undefined));
  // A switch that is told of while sentinels are being asked ends ioredis' attempts for good.
  redis.on("end", () => setTimeout(connectAgain, retryDelayMs(1)));
  return redis;
}

/** Whoever is connected stays connected when a password changes; the next connection has to know it. */
function useNewestLogin({ options }: Redis, target: RedisTarget): void {
  if (target.mode !== "standalone" || target.newestLogin === undefined) return;
  const { username, password } = target.newestLogin();
  Object.assign(options, { username, password });
}

/** Replies are as ioredis has always given them. */
type ConnectionOptions = Omit<RedisOptions, "replyMapping">;

function addressOptions(address: RedisAddress): ConnectionOptions {
  return { host: address.host, port: address.port, db: address.db, ...loginOptions(address) };
}

/** The sentinels are asked before every attempt to connect, and whoever they name must say itself that it is the primary. */
function sentinelOptions(
  { sentinels, masterName, login, sentinelLogin }: SentinelTopology,
  bounds: RedisBounds,
  retryDelayMs: (times: number) => number,
): ConnectionOptions {
  const { username, password } = sentinelLogin;
  return {
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name: masterName,
    role: "master",
    ...loginOptions(login),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(login.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: { ...login.tls } }),
    sentinelCommandTimeout: bounds.commandTimeoutMs,
    sentinelRetryStrategy: retryDelayMs,
    sentinelReconnectStrategy: retryDelayMs,
    // A primary that is cut off from its sentinels only looks healthy: a switch that they tell of ends the connection to it.
    failoverDetector: true,
  };
}

function loginOptions({ username, password, tls }: RedisLogin): ConnectionOptions {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  };
}

/**
 * Drops the socket; ioredis connects anew and resolves the name, or asks the sentinels, again. While it is connecting that is under
 * way, and a disconnect then would be for good.
 */
export function dropSocket(redis: Redis): void {
  if (redis.status === "ready" || redis.status === "connect") redis.stream.destroy();
}
