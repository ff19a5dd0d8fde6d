import { Redis } from "ioredis";
import type { Random } from "../clock.ts";
import type { RedisAddress } from "./redis-url.ts";
import { reconnectDelayMs } from "./redis-runtime.ts";

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
  readonly address: RedisAddress;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  readonly bounds: RedisBounds;
  readonly random: Random;
  /** Commands of one turn of the event loop go out in one write. */
  readonly pipelined: boolean;
}

/** Not connected yet. Nothing waits in a queue of ioredis and nothing is sent twice behind our back: what fails, fails now. */
export function createRedis({ address, name, bounds, random, pipelined }: RedisConnectionOptions): Redis {
  return new Redis({
    host: address.host,
    port: address.port,
    db: address.db,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls === undefined ? {} : { tls: { ...address.tls } }),
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
    retryStrategy: (times) => reconnectDelayMs(times, bounds.reconnectCapMs, random),
    // A primary that became a replica answers READONLY for good: look the address up again.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
}
