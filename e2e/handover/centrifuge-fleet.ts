import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Centrifuge, State, type Subscription } from "centrifuge";
import { WebSocket } from "ws";
import type { Numbered } from "./channel-traffic.ts";
import type { Shown } from "./delivery-check.ts";

export interface CentrifugeFleetOptions {
  readonly url: string;
  readonly count: number;
  /** Of a namespace with a history. */
  readonly channels: readonly string[];
  readonly openPerSecond: number;
}

interface Member {
  readonly client: Centrifuge;
  readonly subscription: Subscription;
  readonly channel: string;
  readonly ids: number[];
  after: number;
  unrecovered: number;
}

/** Many applications with an SDK that knows nothing of our extensions. */
export class CentrifugeFleet implements AsyncDisposable {
  readonly members: Member[] = [];
  /** When a client lost its connection, by this process' clock, and with which code. */
  readonly losses: { readonly atMs: number; readonly code: number }[] = [];
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });

  static async open(options: CentrifugeFleetOptions, newest: ReadonlyMap<string, number>): Promise<CentrifugeFleet> {
    const fleet = new CentrifugeFleet();
    const { url, count, channels, openPerSecond } = options;
    for (let index = 0; index < count; index += 1) {
      const channel = channels[index % channels.length] ?? "";
      fleet.#add(url, channel, () => newest.get(channel) ?? 0);
      await sleep(1000 / openPerSecond);
    }
    await Promise.all(fleet.members.map(({ subscription }) => subscription.ready(30_000)));
    fleet.#delay.enable();
    return fleet;
  }

  get shown(): readonly Shown[] {
    return this.members.map(({ channel, ids, after }) => ({ channel, ids, after }));
  }

  /** The longest time for which this process stood still since all were connected. */
  get stallMs(): number {
    return Math.round(this.#delay.max / 1e6);
  }

  get connected(): number {
    return this.members.filter(({ client }) => client.state === State.Connected).length;
  }

  /** Most losses within any second. */
  get peakPerSecond(): number {
    const times = this.losses.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
    let first = 0;
    return times.reduce((peak, atMs, index) => {
      while (atMs - (times[first] ?? atMs) > 1000) first += 1;
      return Math.max(peak, index - first + 1);
    }, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#delay.disable();
    for (const { client } of this.members) client.disconnect();
    await sleep(100);
  }

  #add(url: string, channel: string, newest: () => number): void {
    const client = new Centrifuge(url, { websocket: WebSocket, timeout: 30_000 });
    const subscription = client.newSubscription(channel, { recoverable: true });
    const member: Member = { client, subscription, channel, ids: [], after: 0, unrecovered: 0 };
    this.members.push(member);
    subscription.on("subscribed", ({ wasRecovering, recovered }) => {
      if (member.after === 0) member.after = newest() + 1;
      else if (!wasRecovering || !recovered) member.unrecovered += 1;
    });
    subscription.on("publication", ({ data }) => member.ids.push((data as Numbered).id));
    client.on("connecting", ({ code }) => {
      // 0: the first connect, which the application asked for.
      if (code !== 0) this.losses.push({ atMs: performance.now(), code });
    });
    subscription.subscribe();
    client.connect();
  }
}
