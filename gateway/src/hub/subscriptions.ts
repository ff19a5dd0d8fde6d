import type { Broker } from "../broker/broker.ts";

/**
 * Which channels this node wants from the broker. Many connections share one broker subscription: the first holder opens it, the
 * last one's release closes it, and holders that come while it opens wait for the same answer.
 */
export class Subscriptions {
  readonly #broker: Pick<Broker, "subscribe" | "unsubscribe">;
  readonly #channels = new Map<string, Hold>();

  constructor(broker: Pick<Broker, "subscribe" | "unsubscribe">) {
    this.#broker = broker;
  }

  get size(): number {
    return this.#channels.size;
  }

  /**
   * Resolves once the channel's publications reach this node; undefined when they do already. Rejects with what the broker
   * rejected with. Either way the caller holds the channel until it releases it.
   */
  hold(channel: string): Promise<void> | undefined {
    const hold = this.#channels.get(channel) ?? this.#open(channel);
    hold.holders += 1;
    if (hold.isActive && hold.settling === undefined) return undefined;
    return this.#settle(channel, hold);
  }

  release(channel: string): void {
    const hold = this.#channels.get(channel);
    if (hold === undefined) return;
    hold.holders -= 1;
    if (hold.holders > 0) return;
    // Failure to unsubscribe costs only deliveries that find no room here.
    this.#settle(channel, hold).catch(() => undefined);
  }

  #open(channel: string): Hold {
    const hold: Hold = { holders: 0, isActive: false, settling: undefined };
    this.#channels.set(channel, hold);
    return hold;
  }

  #settle(channel: string, hold: Hold): Promise<void> {
    hold.settling ??= this.#converge(channel, hold);
    return hold.settling;
  }

  /** One broker call at a time per channel, until what is open is what is wanted. */
  async #converge(channel: string, hold: Hold): Promise<void> {
    try {
      // It is noted as under way before it can be over.
      await Promise.resolve();
      while (hold.holders > 0 !== hold.isActive) {
        if (hold.isActive) {
          hold.isActive = false;
          await this.#broker.unsubscribe(channel);
        } else {
          await this.#broker.subscribe(channel);
          hold.isActive = true;
        }
      }
    } finally {
      // In the turn of the last look: who came a turn later would wait for what is over, and never hear the channel.
      hold.settling = undefined;
      if (hold.holders === 0 && this.#channels.get(channel) === hold) this.#channels.delete(channel);
    }
  }
}

interface Hold {
  holders: number;
  isActive: boolean;
  settling: Promise<void> | undefined;
}
