import { LoopbackProbe } from "./loopback-probe.ts";
import { describeTarget } from "./redis-topology.ts";
import { ShardSubscriber, type ShardSubscriberOptions } from "./shard-subscriber.ts";
import type { ProbeOptions, SubscriberConnection, SubscriberOptions } from "./subscriber-connection.ts";

export type ProbedShardOptions = ShardSubscriberOptions & Pick<SubscriberOptions, "probe">;

/** Before a probe channel that was refused is asked for again. */
const AGAIN_MS = 1_000;

/** A subscriber connection to one server, which finds out by itself when it delivers nothing, and is then made anew. */
export class ProbedShard implements SubscriberConnection {
  readonly #options: ProbedShardOptions;
  readonly #shard: ShardSubscriber;
  readonly #probe: LoopbackProbe;
  readonly #server: string;
  #channel: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `probeChannel`: one that is heard on this server; without one nothing is probed. */
  constructor(options: ProbedShardOptions, probeChannel: string | undefined) {
    this.#options = options;
    this.#server = describeTarget(options.target);
    this.#channel = probeChannel;
    this.#shard = new ShardSubscriber({
      ...options,
      onMessage: (channel, payload) => this.#receive(channel, payload),
    });
    if (probeChannel !== undefined) this.#shard.want([probeChannel]);
    this.#probe = this.#makeProbe(options.probe);
  }

  get restored(): boolean {
    return this.#shard.restored;
  }

  open(): void {
    this.#shard.open();
    this.#probe.start();
  }

  /** Another probe channel: the slot of the former one is elsewhere. */
  probeOn(channel: string | undefined): void {
    if (channel === this.#channel) return;
    if (this.#channel !== undefined) this.#shard.release([this.#channel]);
    this.#channel = channel;
    if (channel !== undefined) this.#subscribeProbe(channel);
  }

  get probeChannel(): string | undefined {
    return this.#channel;
  }

  want(channels: readonly string[]): void {
    this.#shard.want(channels);
  }

  adopt(channels: readonly string[]): void {
    this.#shard.adopt(channels);
  }

  release(channels: readonly string[]): void {
    this.#shard.release(channels);
  }

  subscribe(channel: string): Promise<void> {
    return this.#shard.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.#shard.unsubscribe(channel);
  }

  hears(channel: string): boolean {
    return this.#shard.hears(channel);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#probe.stop();
    this.#shard.close();
    this.#options.probe.onResult("ended", this.#server);
  }

  #makeProbe({ intervalMs, send, onResult }: ProbeOptions): LoopbackProbe {
    const { clock, random, log } = this.#options;
    return new LoopbackProbe({
      clock,
      random,
      intervalMs,
      send: () => send(this.#channel ?? ""),
      isUp: () => this.#shard.restored && this.#channel !== undefined && this.#shard.hears(this.#channel),
      rebuild: () => {
        log.warn({ redis: this.#server }, "the subscriber connection delivers nothing: it is rebuilt");
        this.#shard.rebuild();
      },
      onResult: (result) => onResult(result, this.#server),
    });
  }

  #receive(channel: string, payload: Buffer): void {
    this.#probe.heard();
    if (channel !== this.#channel) this.#options.onMessage(channel, payload);
  }

  #subscribeProbe(channel: string): void {
    clearTimeout(this.#timer);
    this.#shard.subscribe(channel).catch(() => {
      this.#timer = setTimeout(() => {
        if (channel === this.#channel) this.#subscribeProbe(channel);
      }, AGAIN_MS);
    });
  }
}
