import { type RunningGateway, TestClient } from "@belay/testkit";
import assert from "node:assert/strict";
import { onTestFinished } from "vitest";
import { pause, type Seen, Subscriber } from "./checked-subscriber.ts";

/** What a publisher did: ids count from 1, one at a time. */
interface Published {
  readonly acknowledged: Set<number>;
  last: number;
  errors: number;
  slowestMs: number;
}

export interface TrafficOptions {
  /** Beside each subscriber another one that leaves and comes back, again and again. Default false. */
  readonly isRestless?: boolean;
}

/** Publishers and subscribers of some channels on some gateways, and a check of every message between them. */
export class CheckedTraffic {
  readonly #published = new Map<string, Published>();
  readonly #subscribers: Subscriber[] = [];
  readonly #running: Promise<void>[] = [];
  readonly #clients: TestClient[] = [];
  #isStopping = false;

  /** A subscriber of every channel on every gateway, a publisher of every channel on some gateway. */
  static async start(
    gateways: readonly RunningGateway[],
    channels: readonly string[],
    { isRestless = false }: TrafficOptions = {},
  ): Promise<CheckedTraffic> {
    const traffic = new CheckedTraffic();
    onTestFinished(() => traffic.#end());
    for (const gateway of gateways) {
      for (const channel of channels) {
        await traffic.#subscribe(gateway, channel, false);
        if (isRestless) await traffic.#subscribe(gateway, channel, true);
      }
    }
    for (const [index, channel] of channels.entries()) {
      const gateway = gateways[index % gateways.length];
      if (gateway !== undefined) await traffic.#publish(gateway, channel);
    }
    return traffic;
  }

  /** Errors that publishers have seen so far. */
  get errors(): number {
    return [...this.#published.values()].reduce((sum, { errors }) => sum + errors, 0);
  }

  get slowestMs(): number {
    return Math.max(...[...this.#published.values()].map(({ slowestMs }) => slowestMs));
  }

  /** How often subscribers were told that something may be missing: all, or those of these channels. */
  get told(): number {
    return this.toldIn([...this.#published.keys()]);
  }

  toldIn(channels: readonly string[]): number {
    const subscribers = this.#subscribers.filter(({ channel }) => channels.includes(channel));
    return subscribers.reduce((sum, { seen }) => sum + countTold(seen), 0);
  }

  /** Publications whose publishers were told that they were made. */
  get acknowledged(): number {
    return [...this.#published.values()].reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  }

  /** The fewest and the most times that one who never left was told. */
  get toldEach(): readonly [fewest: number, most: number] {
    const counts = this.#subscribers.filter(({ isRestless }) => !isRestless).map(({ seen }) => countTold(seen));
    return [Math.min(...counts), Math.max(...counts)];
  }

  get delivered(): number {
    return this.#subscribers.reduce((sum, { seen }) => sum + seen.filter((each) => each !== "told").length, 0);
  }

  /** A place in time, for `flows`. */
  mark(): ReadonlyMap<string, number> {
    return new Map([...this.#published].map(([channel, { last }]) => [channel, last]));
  }

  /** Whether everybody in these channels, or in all, has got something published after the mark. */
  flows(mark: ReadonlyMap<string, number>, channels: readonly string[] = [...mark.keys()]): boolean {
    const subscribers = this.#subscribers.filter(({ channel }) => channels.includes(channel));
    return subscribers.every(({ channel, seen }) => {
      const after = mark.get(channel) ?? 0;
      return seen.some((each) => each !== "told" && each > after);
    });
  }

  /** For the reader of a failure. */
  get state(): string {
    const published = [...this.#published].map(
      ([channel, { last, errors, acknowledged }]) =>
        `${channel}: ${last}, ${errors} errors, ${acknowledged.size} acknowledged`,
    );
    const seen = this.#subscribers.map(
      ({ channel, seen: all, lastWord }) => `${channel}: ${all.length}, ${String(all.at(-1))} ${lastWord}`,
    );
    return [...published, ...seen].join("; ");
  }

  /** Publishers stop; resolves when each has its last answer. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  /** Whether everybody has the newest acknowledged publication, or none can come any more. */
  get isSettled(): boolean {
    return this.#subscribers.every(({ channel, seen }) => {
      const { acknowledged } = this.#of(channel);
      const newest = Math.max(...acknowledged);
      return seen.some((each) => each !== "told" && each >= newest);
    });
  }

  /** Throws where anything was lost without a word, came twice, or came out of order, and where a socket was closed. */
  check(): void {
    for (const subscriber of this.#subscribers) {
      assert.ok(!subscriber.isClosed, "a socket was closed");
      assert.deepEqual(subscriber.jumps, []);
      assert.deepEqual(faultsOf(subscriber.seen, this.#of(subscriber.channel).acknowledged), []);
    }
  }

  #of(channel: string): Published {
    const published = this.#published.get(channel);
    if (published === undefined) throw new Error(`nobody publishes to ${channel}`);
    return published;
  }

  async #subscribe(gateway: RunningGateway, channel: string, isRestless: boolean): Promise<void> {
    const client = await TestClient.connect(gateway.url);
    this.#clients.push(client);
    const subscriber = new Subscriber(client, channel, isRestless);
    this.#subscribers.push(subscriber);
    await subscriber.subscribe();
    if (isRestless) this.#running.push(subscriber.comeAndGo(() => this.#isStopping));
  }

  async #publish(gateway: RunningGateway, channel: string): Promise<void> {
    const client = await TestClient.connect(gateway.url);
    this.#clients.push(client);
    const published: Published = { acknowledged: new Set(), last: 0, errors: 0, slowestMs: 0 };
    this.#published.set(channel, published);
    this.#running.push(this.#keepPublishing(client, channel, published));
  }

  async #keepPublishing(client: TestClient, channel: string, published: Published): Promise<void> {
    while (!this.#isStopping) {
      const id = (published.last += 1);
      const sentAtMs = performance.now();
      const reply = await client.call({ publish: { channel, data: id } });
      published.slowestMs = Math.max(published.slowestMs, performance.now() - sentAtMs);
      if (reply.error === undefined) published.acknowledged.add(id);
      else {
        assert.ok(reply.error.temporary, reply.error.message);
        published.errors += 1;
      }
      await pause(10);
    }
  }

  async #end(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled(this.#running);
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
  }
}

function countTold(seen: readonly Seen[]): number {
  return seen.filter((each) => each === "told").length;
}

/** What is wrong with what one subscriber saw. What was not acknowledged may come or not. */
function faultsOf(seen: readonly Seen[], acknowledged: ReadonlySet<number>): readonly string[] {
  const faults: string[] = [];
  let last = 0;
  let isTold = false;
  for (const each of seen) {
    if (each === "told") {
      isTold = true;
      continue;
    }
    if (each <= last) faults.push(`${each} after ${last}`);
    if (!isTold) faults.push(...missing(acknowledged, last, each));
    last = Math.max(last, each);
    isTold = false;
  }
  if (!isTold) faults.push(...missing(acknowledged, last, Infinity));
  return faults;
}

function missing(acknowledged: ReadonlySet<number>, after: number, before: number): readonly string[] {
  return [...acknowledged].filter((id) => id > after && id < before).map((id) => `${id} is missing`);
}
