import type { Random } from "../clock.ts";
import { CommandConnection } from "../redis/command-connection.ts";
import { LoopbackProbe, type ProbeResult } from "../redis/loopback-probe.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { DEFAULT_REDIS_BOUNDS, type RedisBounds } from "../redis/redis-options.ts";
import type { RedisRuntime } from "../redis/redis-runtime.ts";
import { parseRedisUrl } from "../redis/redis-url.ts";
import { SubscriberConnection } from "../redis/subscriber-connection.ts";
import {
  type Broker,
  type BrokerEvents,
  BrokerUnavailableError,
  type DisconnectCommand,
  type Position,
  type PublishRequest,
} from "./broker.ts";
import { encodeDisconnect, parseDisconnect } from "./redis-node-message.ts";
import { parsePublication } from "./redis-publication.ts";
import { PUBLISH_SCRIPT } from "./redis-publish-script.ts";

export interface RedisBrokerTiming {
  /** How long a channel keeps its epoch after its last publication. Default 24 h. */
  readonly metaTtlMs: number;
  /** Default 500: a page that is reloaded finds its channels still subscribed. */
  readonly unsubscribeDelayMs: number;
  /** Silence after which the subscriber connection is probed. Default 5,000. */
  readonly probeIntervalMs: number;
  /** Longest wait of `start` for the first connection. Default 2,000. */
  readonly startTimeoutMs: number;
}

/** For metrics. */
export interface RedisBrokerHooks {
  readonly onProbe?: (result: ProbeResult) => void;
  /** A message that no node of ours can have sent; it is dropped. */
  readonly onMalformed?: () => void;
}

export interface RedisBrokerOptions extends RedisRuntime, RedisBrokerHooks {
  /** `redis://[user][:password]@host[:port][/db]`, `rediss://` for TLS. */
  readonly url: string;
  /** Before every key; gateways of one RealtimeCluster share it, two clusters on one Redis must not. */
  readonly prefix: string;
  readonly timing?: Partial<RedisBrokerTiming>;
  readonly bounds?: Partial<RedisBounds>;
}

const DEFAULT_TIMING: RedisBrokerTiming = {
  metaTtlMs: 86_400_000,
  unsubscribeDelayMs: 500,
  probeIntervalMs: 5_000,
  startTimeoutMs: 2_000,
};

const NO_INFO = Buffer.alloc(0);

/** Throws RedisUrlError. Nothing is connected before `start`. */
export function openRedisBroker(options: RedisBrokerOptions): Broker {
  return new RedisBroker(options);
}

class RedisBroker implements Broker {
  readonly #options: RedisBrokerOptions;
  readonly #timing: RedisBrokerTiming;
  readonly #keys: RedisKeys;
  readonly #nodeChannel: string;
  readonly #commands: CommandConnection;
  readonly #subscriber: SubscriberConnection;
  readonly #probe: LoopbackProbe;
  #events: BrokerEvents | undefined;
  #connected = false;
  #onceConnected: (() => void) | undefined;

  constructor(options: RedisBrokerOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#keys = new RedisKeys(options.prefix);
    this.#nodeChannel = this.#keys.node(randomToken(options.random));
    const bounds = { ...DEFAULT_REDIS_BOUNDS, ...options.bounds };
    const { clock, random, log } = options;
    const shared = { clock, random, log, address: parseRedisUrl(options.url), bounds };
    this.#commands = new CommandConnection({ ...shared, name: "belay-publisher", onAvailable: () => this.#report() });
    this.#subscriber = new SubscriberConnection({
      ...shared,
      name: "belay-subscriber",
      unsubscribeDelayMs: this.#timing.unsubscribeDelayMs,
      onMessage: (name, payload) => this.#receive(name, payload),
      onRestored: () => this.#report(),
    });
    this.#probe = new LoopbackProbe({
      clock,
      random,
      intervalMs: this.#timing.probeIntervalMs,
      send: async () => Number(await this.#commands.call("SPUBLISH", this.#nodeChannel, "probe")),
      isUp: () => this.#subscriber.restored,
      rebuild: () => this.#rebuildSubscriber(),
      onResult: (result) => options.onProbe?.(result),
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Resolves when connected or after `startTimeoutMs`, whichever is first: a gateway starts without its Redis, and is not ready. */
  async start(events: BrokerEvents): Promise<void> {
    this.#events = events;
    const first = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#timing.startTimeoutMs);
      this.#onceConnected = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#subscriber.want([this.#nodeChannel, this.#keys.allNodes]);
    this.#commands.open();
    this.#subscriber.open();
    this.#probe.start();
    await first;
  }

  async subscribe(channel: string): Promise<void> {
    await this.#subscriber.subscribe(this.#keys.publications(channel));
  }

  unsubscribe(channel: string): Promise<void> {
    this.#subscriber.unsubscribe(this.#keys.publications(channel));
    return Promise.resolve();
  }

  async publish(request: PublishRequest): Promise<Position> {
    const { channel, data, info } = request;
    const keys = [this.#keys.partitionTerm(channel), this.#keys.channelMeta(channel)];
    const epoch = randomToken(this.#options.random);
    const reply = await this.#commands.run(PUBLISH_SCRIPT, keys, [
      this.#commands.runId,
      epoch,
      this.#timing.metaTtlMs,
      this.#keys.publications(channel),
      info ?? NO_INFO,
      data,
    ]);
    return positionOf(reply);
  }

  async sendDisconnect(command: DisconnectCommand): Promise<void> {
    await this.#commands.call("SPUBLISH", this.#keys.allNodes, encodeDisconnect(command));
  }

  close(): Promise<void> {
    this.#connected = false;
    this.#onceConnected?.();
    this.#probe.stop();
    this.#commands.close();
    this.#subscriber.close();
    return Promise.resolve();
  }

  #receive(name: string, payload: Buffer): void {
    this.#probe.heard();
    if (name === this.#nodeChannel) return;
    if (name === this.#keys.allNodes) return this.#receiveNodeMessage(payload);
    const publication = parsePublication(RedisKeys.channelOf(name), payload);
    if (publication === undefined) this.#options.onMalformed?.();
    else this.#events?.onPublication(publication);
  }

  #receiveNodeMessage(payload: Buffer): void {
    const command = parseDisconnect(payload);
    if (command === undefined) this.#options.onMalformed?.();
    else this.#events?.onDisconnect(command);
  }

  #rebuildSubscriber(): void {
    this.#options.log.warn({}, "the subscriber connection delivers nothing: it is rebuilt");
    this.#subscriber.rebuild();
  }

  /** Connected means both ways: publications can be made, and those of others arrive. */
  #report(): void {
    const connected = this.#commands.available && this.#subscriber.restored;
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (connected) this.#onceConnected?.();
    this.#events?.onConnected(connected);
  }
}

/** 48 random bits: an epoch is compared only with epochs of the same channel. */
function randomToken(random: Random): string {
  return Math.floor(random() * 2 ** 48).toString(36);
}

function positionOf(reply: unknown): Position {
  if (Array.isArray(reply)) {
    const [offset, epoch] = reply as readonly unknown[];
    if (typeof offset === "number" && typeof epoch === "string") return { offset, epoch };
  }
  throw new BrokerUnavailableError("Redis answered a publish with something else than a position");
}
