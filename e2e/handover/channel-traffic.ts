import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { paced } from "../pace.ts";

export interface TrafficOptions {
  /** A client endpoint, `ws://…/connection/websocket`; the server API is on the same port. */
  readonly url: string;
  readonly apiKey: string;
  readonly channels: readonly string[];
  /** Of all channels together. */
  readonly perSecond: number;
}

/** What is published: the id counts from 1 in each channel. */
export interface Numbered {
  readonly id: number;
  /** By the clock of this process, milliseconds. */
  readonly sentMs: number;
}

const TICK_MS = 20;
/** A request without an answer is made again, with the same keys. */
const ANSWER_MS = 5_000;

/** Publishes to many channels in turn, through the server API, one at a time in each; nothing is given up. */
export class ChannelTraffic implements AsyncDisposable {
  /** The newest id that was acknowledged, by channel. */
  readonly newest: Map<string, number> = new Map();
  /** Requests that were made again. */
  repeated = 0;
  readonly #options: TrafficOptions;
  readonly #name = randomUUID();
  readonly #busy = new Set<string>();
  readonly #pending = new Set<Promise<void>>();
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  static start(options: TrafficOptions): ChannelTraffic {
    const traffic = new ChannelTraffic(options);
    traffic.#done = traffic.#run();
    return traffic;
  }

  private constructor(options: TrafficOptions) {
    this.#options = options;
  }

  get acknowledged(): number {
    return [...this.newest.values()].reduce((sum, id) => sum + id, 0);
  }

  /** Resolves when everything is acknowledged. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    await Promise.all(this.#pending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    const { channels, perSecond } = this.#options;
    let made = 0;
    for await (const due of paced({ perSecond, everyMs: TICK_MS, isStopped: () => this.#isStopped })) {
      const batch: string[] = [];
      for (; made < due; made += 1) {
        const channel = channels[made % channels.length] ?? "";
        // A channel whose last publication is not acknowledged has to wait: its order is what is checked.
        if (!this.#busy.has(channel)) batch.push(channel);
      }
      if (batch.length > 0) this.#track(this.#publish(batch));
    }
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }

  async #publish(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#busy.add(channel);
    let left = channels.map((channel) => ({
      channel,
      data: { id: (this.newest.get(channel) ?? 0) + 1, sentMs: performance.now() } satisfies Numbered,
    }));
    while (left.length > 0) {
      const replies = await this.#post(left);
      const refused = left.filter((_, index) => !isAccepted(replies[index]));
      for (const { channel, data } of left)
        if (!refused.some((one) => one.channel === channel)) this.newest.set(channel, data.id);
      left = refused;
      if (left.length > 0) {
        this.repeated += left.length;
        await sleep(50);
      }
    }
    for (const channel of channels) this.#busy.delete(channel);
  }

  /** Empty where there was no answer. */
  async #post(
    publications: readonly { readonly channel: string; readonly data: Numbered }[],
  ): Promise<readonly unknown[]> {
    const { url, apiKey } = this.#options;
    const commands = publications.map(({ channel, data }) => ({
      publish: { channel, data, idempotency_key: `${this.#name}-${data.id}` },
    }));
    try {
      const response = await fetch(new URL("/api/batch", url.replace(/^ws/, "http")), {
        method: "POST",
        headers: { "X-API-Key": apiKey, "Content-Type": "application/json" },
        // No two of them are of one channel.
        body: JSON.stringify({ commands, parallel: true }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const { replies = [] } = (await response.json()) as { readonly replies?: readonly unknown[] };
      return replies;
    } catch {
      return [];
    }
  }
}

function isAccepted(reply: unknown): boolean {
  return typeof reply === "object" && reply !== null && !("error" in reply) && "publish" in reply;
}
