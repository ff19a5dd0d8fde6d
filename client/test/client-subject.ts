import { Client } from "../src/client.ts";
import type { ClientOptions } from "../src/options.ts";
import type { StreamPosition } from "../src/messages.ts";
import type { Reset } from "../src/sequencer.ts";
import type { Subscription } from "../src/subscription.ts";
import { FakeTime, settle } from "./fake-time.ts";
import { MemoryNetwork, plainCodec } from "./memory-network.ts";
import { ModelChannel } from "./model-channel.ts";
import { ModelServer } from "./model-server.ts";

export const KEPT = "kept";
export const UNKEPT = "unkept";

type Seen = { readonly offset: number } | { readonly reset: Reset } | "begins";

/** A client, its network and its server, all in memory and without a clock of their own. */
export class ClientSubject {
  readonly time = new FakeTime();
  readonly channels: ReadonlyMap<string, ModelChannel> = new Map([
    [KEPT, new ModelChannel(true)],
    [UNKEPT, new ModelChannel(false)],
  ]);
  readonly server = new ModelServer(this.channels, () => this.time.nowMs());
  readonly network = new MemoryNetwork(this.server);
  readonly client: Client;
  readonly seen = new Map<string, Seen[]>();
  readonly problems: string[] = [];
  readonly unknown = new Set<unknown>();
  /** Channels that the application wants to hear. */
  readonly wanted = new Set<string>();
  readonly acknowledged = new Set<unknown>();
  /** Promises that are not settled yet. */
  open = 0;
  #published = 0;
  #random = 1;

  constructor(options: Partial<ClientOptions> = {}) {
    this.client = new Client({
      endpoint: "memory://server",
      endpoints: { memory: "memory://server", emulation: "memory://server" },
      transports: [this.network.factory],
      codec: plainCodec,
      environment: {},
      clock: this.time,
      random: () => this.#next(),
      ...options,
    });
    for (const name of this.channels.keys()) this.#watch(this.client.channel(name));
  }

  publish(channel: string): void {
    this.#published += 1;
    const data = this.#published;
    this.#track(
      this.client.publish(channel, data).then(
        () => this.acknowledged.add(data),
        () => this.unknown.add(data),
      ),
    );
  }

  rpc(): void {
    this.#track(this.client.rpc("any").catch(() => undefined));
  }

  subscribe(channel: string): void {
    const subscription = this.client.channel(channel);
    if (subscription.state.name === "unsubscribed") this.seen.get(channel)?.push("begins");
    subscription.subscribe();
    this.wanted.add(channel);
    this.#track(subscription.ready().catch(() => undefined));
  }

  unsubscribe(channel: string): void {
    this.wanted.delete(channel);
    this.client.channel(channel).unsubscribe();
  }

  /** Lets everything that is under way arrive, without time going by. */
  async flow(steps: number = Infinity): Promise<void> {
    await settle();
    for (let step = 0; step < steps && this.network.flow(1); step += 1) await settle();
    this.network.sweep();
  }

  /** The same for one connection, the first or the last of those that are open. */
  flowOf(index: 0 | -1): void {
    this.network.sockets.at(index)?.flow(1);
    this.network.sweep();
  }

  /** Time goes by in steps, in which whatever is under way arrives and the server pings. */
  async goOn(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await this.time.advance(1000);
      this.server.pump();
      if (second % 20 === 0) this.server.ping();
      await this.flow();
    }
  }

  /** What was shown has no duplicate, no disorder and no hole that was not told. */
  problemsOf(channel: string): readonly string[] {
    let last: number | undefined;
    const problems: string[] = [];
    for (const each of this.seen.get(channel) ?? []) {
      if (each === "begins") last = undefined;
      else if ("reset" in each) {
        const from = offsetOf(each.reset.from);
        if (last !== undefined && from !== last) problems.push(`${channel}: a reset from ${from} behind ${last}`);
        last = offsetOf(each.reset.to);
      } else {
        if (last !== undefined && each.offset !== last + 1) problems.push(`${channel}: ${each.offset} behind ${last}`);
        last = each.offset;
      }
    }
    return problems;
  }

  resets(channel: string): number {
    return (this.seen.get(channel) ?? []).filter((each) => each !== "begins" && "reset" in each).length;
  }

  #watch(subscription: Subscription): void {
    const seen: Seen[] = [];
    this.seen.set(subscription.channel, seen);
    subscription.on("publication", ({ offset }) => {
      if (offset !== undefined) seen.push({ offset });
      else if (this.server.grantsHandover) this.problems.push("a publication without an offset");
    });
    subscription.on("reset", (reset) => seen.push({ reset }));
  }

  #track(promise: Promise<unknown>): void {
    this.open += 1;
    void promise.finally(() => {
      this.open -= 1;
    });
  }

  #next(): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }
}

/** Connected, with both channels subscribed. */
export async function connected(options: Partial<ClientOptions> = {}): Promise<ClientSubject> {
  const subject = new ClientSubject(options);
  subject.subscribe(KEPT);
  subject.subscribe(UNKEPT);
  subject.client.connect();
  await subject.flow();
  return subject;
}

/** Name of the error with which it is rejected. */
export async function nameOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: Error) => error.name,
  );
}

function offsetOf(position: StreamPosition | undefined): number | undefined {
  return position?.offset;
}
