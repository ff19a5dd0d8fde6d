import type { ProbeResult } from "./loopback-probe.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisRuntime } from "./redis-runtime.ts";

export interface ProbeOptions {
  /** One in every slot where channels can be; each connection uses one that it hears. */
  readonly channels: readonly string[];
  /** Silence after which a connection is probed, milliseconds. */
  readonly intervalMs: number;
  /** Publishes to a channel; resolves with the number of connections that Redis sent it to. Rejects when Redis cannot be reached. */
  readonly send: (channel: string) => Promise<number>;
  /** `server` is where the connection leads to. */
  readonly onResult: (result: ProbeResult, server: string) => void;
}

export interface SubscriberOptions extends RedisRuntime {
  /** Shown by CLIENT LIST. */
  readonly name: string;
  readonly bounds: RedisBounds;
  /** Milliseconds between the last unsubscribe of a channel and the command to Redis. */
  readonly unsubscribeDelayMs: number;
  /** Pub/sub channel names as Redis has them. Only for channels wanted now. */
  readonly onMessage: (channel: string, payload: Buffer) => void;
  /** True once every wanted channel is subscribed; false when some may miss what is published. */
  readonly onRestored: (restored: boolean) => void;
  /** These are heard again: what was published to them meanwhile was missed. */
  readonly onHeard: (channels: readonly string[]) => void;
  readonly probe: ProbeOptions;
}

/** How a node hears publications: sharded pub/sub, the same commands with and without a cluster, one connection to every shard. */
export interface SubscriberConnection {
  readonly restored: boolean;
  open(): void;
  /** Channels of this connection's own, wanted from the first connect on. */
  want(channels: readonly string[]): void;
  /** Resolves with Redis' acknowledgement. Rejects with BrokerUnavailableError and forgets the channel. */
  subscribe(channel: string): Promise<void>;
  /** Nothing is delivered from now on; Redis is told a little later, unless the channel is wanted again by then. */
  unsubscribe(channel: string): void;
  /** Whether Redis has acknowledged that the channel is heard. */
  hears(channel: string): boolean;
  close(): void;
}
