import type { RedisBounds } from "./redis-options.ts";
import type { RedisRuntime } from "./redis-runtime.ts";

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
  /** Drops the socket that this channel is heard on, and everything that Redis knows of it; subscriptions are made again on the next one. */
  rebuild(channel: string): void;
  close(): void;
}
