import type { CommandConnection } from "../redis/command-connection.ts";
import type { ProbeResult } from "../redis/loopback-probe.ts";
import { openCommands, openSubscriber } from "../redis/open-connections.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { DEFAULT_REDIS_BOUNDS, type RedisBounds } from "../redis/redis-options.ts";
import type { RedisRuntime } from "../redis/redis-runtime.ts";
import { RedisMemoryReports } from "../redis/redis-memory.ts";
import { type RedisTopology, topologyOf } from "../redis/redis-topology.ts";
import type { SubscriberConnection } from "../redis/subscriber-connection.ts";
import type { RoundOutcome } from "../redis/replica-confirmation.ts";
import { readReplicaRunId } from "../redis/replica-run-id.ts";
import type { Lease } from "../registry/registry.ts";
import type {
  Broker,
  BrokerEvents,
  EphemeralPublication,
  History,
  HistoryRequest,
  PresenceEvent,
  PresenceMember,
  PresenceStats,
  PublishOutcome,
  PublishRequest,
} from "./broker.ts";
import { DirectMessages } from "./redis-direct-messages.ts";
import { RedisPresence } from "./redis-presence.ts";
import {
  encodeEphemeral,
  encodePresenceEvent,
  parseEphemeral,
  parsePresenceEvent,
  parsePublication,
} from "./redis-publication.ts";
import { randomToken, type RedisDurability, RedisStreams } from "./redis-streams.ts";

export interface RedisBrokerTiming {
  /** How long a channel keeps its epoch after it was last published to or read, at least. Default 24 h. */
  readonly metaTtlMs: number;
  /** Default 500: a page that is reloaded finds its channels still subscribed. */
  readonly unsubscribeDelayMs: number;
  /** Silence after which the subscriber connection is probed. Default 5,000. */
  readonly probeIntervalMs: number;
  /** How often messages to this node are looked for when none is announced. Default 2,000. */
  readonly pollIntervalMs: number;
  /** Longest wait of `start` for the first connection. Default 2,000. */
  readonly startTimeoutMs: number;
}

/** For metrics. */
export interface RedisBrokerHooks {
  /** `server` is where a subscriber connection leads to. */
  readonly onProbe?: (result: ProbeResult, server: string) => void;
  /** A message that no node of ours can have sent; it is dropped. */
  readonly onMalformed?: () => void;
  /** With replicated durability: replicas were asked what they have. */
  readonly onReplicaRound?: (outcome: RoundOutcome) => void;
}

export interface RedisBrokerOptions extends RedisRuntime, RedisBrokerHooks {
  /** A topology, or `redis://[user][:password]@host[:port][/db]`, `rediss://` for TLS. */
  readonly url: string | RedisTopology;
  /** Before every key; gateways of one RealtimeCluster share it, two clusters on one Redis must not. */
  readonly prefix: string;
  /** Whether publications wait for the replicas; read at every use. Default `fast`. */
  readonly durability?: () => RedisDurability;
  /** Under which other nodes send to this one: the pod uid. */
  readonly nodeId: string;
  /** This node's lease: what the node leaves in presence is swept with it. Without one it stays until its time is over. */
  readonly lease?: () => Lease | undefined;
  readonly timing?: Partial<RedisBrokerTiming>;
  readonly bounds?: Partial<RedisBounds>;
}

const DEFAULT_TIMING: RedisBrokerTiming = {
  metaTtlMs: 86_400_000,
  unsubscribeDelayMs: 500,
  probeIntervalMs: 5_000,
  pollIntervalMs: 2_000,
  startTimeoutMs: 2_000,
};

/** Throws RedisUrlError. Nothing is connected before `start`. */
export function openRedisBroker(options: RedisBrokerOptions): Broker {
  return new RedisBroker(options);
}

class RedisBroker implements Broker {
  readonly #options: RedisBrokerOptions;
  readonly #timing: RedisBrokerTiming;
  readonly #keys: RedisKeys;
  readonly #ownChannel: string;
  readonly #streams: RedisStreams;
  readonly #presence: RedisPresence;
  readonly #direct: DirectMessages;
  readonly #commands: CommandConnection;
  readonly #subscriber: SubscriberConnection;
  #events: BrokerEvents | undefined;
  #connected = false;
  readonly #memory = new RedisMemoryReports();
  #onceConnected: (() => void) | undefined;

  constructor(options: RedisBrokerOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#keys = new RedisKeys(options.prefix);
    this.#ownChannel = this.#keys.node(options.nodeId);
    const bounds = { ...DEFAULT_REDIS_BOUNDS, ...options.bounds };
    const { clock, random, log } = options;
    const shared = { clock, random, log, bounds };
    const topology = topologyOf(options.url);
    this.#commands = openCommands(topology, {
      ...shared,
      name: "belay-publisher",
      onAvailable: (available) => {
        if (available) this.#streams.reconnected();
        this.#report();
      },
      onServer: (holds) => this.#onServer(holds),
      onInfo: (info) => this.#memory.note(info, clock.nowMs()),
      runKeys: this.#keys.partitionTerms,
    });
    const lease = (): Lease | undefined => options.lease?.();
    this.#presence = new RedisPresence({ commands: this.#commands, keys: this.#keys, lease });
    this.#streams = new RedisStreams({
      commands: this.#commands,
      keys: this.#keys,
      random,
      clock,
      metaTtlMs: this.#timing.metaTtlMs,
      durability: options.durability ?? ((): RedisDurability => "fast"),
      onUnknownReplica: (replica) =>
        log.warn({ replica }, "a replica of Redis cannot be reached: epochs end with a failover to it"),
      onReplicaRound: options.onReplicaRound,
      readRunId: (endpoint) => readReplicaRunId(endpoint, { ...shared, topology }),
      onMalformed: () => options.onMalformed?.(),
    });
    this.#direct = new DirectMessages({
      commands: this.#commands,
      keys: this.#keys,
      nodeId: options.nodeId,
      pollIntervalMs: this.#timing.pollIntervalMs,
      onMessage: (message) => this.#events?.onNodeMessage(message),
    });
    this.#subscriber = openSubscriber(topology, {
      ...shared,
      name: "belay-subscriber",
      unsubscribeDelayMs: this.#timing.unsubscribeDelayMs,
      onMessage: (name, payload) => this.#receive(name, payload),
      onRestored: () => this.#report(),
      onHeard: (names) => this.#onHeard(names),
      probe: {
        channels: this.#keys.probes(randomToken(random)),
        intervalMs: this.#timing.probeIntervalMs,
        send: (channel) => this.#commands.publish(channel, "probe"),
        onResult: (result, server) => options.onProbe?.(result, server),
      },
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  get evictionRisk(): string | undefined {
    return this.#memory.evictionRisk;
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
    this.#subscriber.want([this.#ownChannel, this.#keys.allNodes]);
    this.#commands.open();
    this.#subscriber.open();
    this.#direct.start();
    await first;
  }

  async subscribe(channel: string): Promise<void> {
    await this.#subscriber.subscribe(this.#keys.publications(channel));
  }

  unsubscribe(channel: string): Promise<void> {
    this.#subscriber.unsubscribe(this.#keys.publications(channel));
    return Promise.resolve();
  }

  publish(request: PublishRequest): Promise<PublishOutcome> {
    return this.#streams.publish(request);
  }

  async publishEphemeral(publication: EphemeralPublication): Promise<void> {
    await this.#commands.publish(this.#keys.publications(publication.channel), encodeEphemeral(publication));
  }

  history(request: HistoryRequest): Promise<History> {
    return this.#streams.history(request);
  }

  removeHistory(channel: string): Promise<void> {
    return this.#streams.removeHistory(channel);
  }

  addPresence(channel: string, member: PresenceMember, ttlMs: number): Promise<void> {
    return this.#presence.add(channel, member, ttlMs);
  }

  removePresence(channel: string, client: string, isLastHere = false): Promise<void> {
    return this.#presence.remove(channel, client, isLastHere);
  }

  presence(channel: string): Promise<readonly PresenceMember[]> {
    return this.#presence.members(channel);
  }

  presenceStats(channel: string): Promise<PresenceStats> {
    return this.#presence.stats(channel);
  }

  async publishPresenceEvent(event: PresenceEvent): Promise<void> {
    await this.#commands.publish(this.#keys.publications(event.channel), encodePresenceEvent(event));
  }

  async sendToNode(nodeId: string, message: Buffer): Promise<void> {
    if (nodeId === "all") await this.#commands.publish(this.#keys.allNodes, message);
    else await this.#direct.send(nodeId, message);
  }

  close(): Promise<void> {
    this.#connected = false;
    this.#onceConnected?.();
    this.#direct.stop();
    this.#commands.close();
    this.#subscriber.close();
    return Promise.resolve();
  }

  #receive(name: string, payload: Buffer): void {
    if (name === this.#ownChannel) return this.#direct.nudged(payload);
    if (name === this.#keys.allNodes) return this.#events?.onNodeMessage(payload);
    this.#receiveOf(RedisKeys.channelOf(name), payload);
  }

  #receiveOf(channel: string, payload: Buffer): void {
    const event = parsePresenceEvent(channel, payload);
    if (event !== undefined) return this.#events?.onPresenceEvent(event);
    const publication = parseEphemeral(channel, payload) ?? parsePublication(channel, payload);
    if (publication === undefined) this.#options.onMalformed?.();
    else this.#events?.onPublication(publication);
  }

  /** While commands do not reach them nothing can be read: then it is their turn when they do. */
  #onHeard(names: readonly string[]): void {
    const missed = new Set(names.filter((name) => this.#commands.reaches(name)));
    if (missed.size > 0) this.#events?.onGap?.((channel) => missed.has(this.#keys.publications(channel)));
  }

  /** It may be another server. Channels that are not heard yet have their turn when they are. */
  #onServer(holds: (key: string) => boolean): void {
    this.#events?.onGap?.((channel) => {
      const name = this.#keys.publications(channel);
      return holds(name) && this.#subscriber.hears(name);
    });
  }

  /** Connected means both ways: publications can be made, and those of others arrive. */
  #report(): void {
    const connected = this.#commands.available && this.#subscriber.restored;
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (connected) {
      this.#onceConnected?.();
      this.#direct.nudge();
    }
    this.#events?.onConnected(connected);
  }
}
