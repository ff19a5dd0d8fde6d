import {
  type Broker,
  type BrokerEvents,
  type BrokerPublication,
  BrokerUnavailableError,
  type History,
  type HistoryRequest,
} from "@belay/gateway/internal";

/** A call that waits for the test; `ask` asks the real broker. */
interface WaitingCall {
  answer(): Promise<void>;
  fail(): void;
}

/** What the gateway's core wants of a broker while clients subscribe and resume. */
export type CoreBroker = Pick<
  Broker,
  "connected" | "subscribe" | "unsubscribe" | "history" | "addPresence" | "removePresence" | "publishPresenceEvent"
>;

/**
 * A node's way to a real broker as a test holds it: publications wait on a wire where they can be lost, doubled and overtaken, and
 * answers wait until they are let through, each read before or after its wait.
 */
export class FaultyBroker implements CoreBroker {
  connected = true;
  /** Answers wait from now on. */
  holdsAnswers = false;
  /** A held history is read when asked for, and not when answered. */
  readsEarly = true;
  /** Publications under way to this node, oldest first. */
  readonly wire: BrokerPublication[] = [];
  readonly waiting: WaitingCall[] = [];
  /** Questions that the real broker was asked, and has answered. */
  asked = 0;
  answered = 0;
  readonly #medium: Broker;
  readonly #events: Pick<BrokerEvents, "onPublication" | "onConnected">;
  readonly #subscribed = new Set<string>();
  #isAway = false;
  #delivered: BrokerPublication | undefined;

  constructor(medium: Broker, events: Pick<BrokerEvents, "onPublication" | "onConnected">) {
    this.#medium = medium;
    this.#events = events;
  }

  subscribe(channel: string): Promise<void> {
    if (!this.connected) return Promise.reject(new BrokerUnavailableError("cut"));
    return this.#through(async () => void this.#subscribed.add(channel));
  }

  unsubscribe(channel: string): Promise<void> {
    this.#subscribed.delete(channel);
    return Promise.resolve();
  }

  history(request: HistoryRequest): Promise<History> {
    return this.#through(() => this.#medium.history(request));
  }

  addPresence(): Promise<void> {
    return this.#through(() => Promise.resolve());
  }

  removePresence(): Promise<void> {
    return Promise.resolve();
  }

  publishPresenceEvent(): Promise<void> {
    return Promise.resolve();
  }

  /** The real broker published something. */
  arrive(publication: BrokerPublication): void {
    if (this.connected && this.#subscribed.has(publication.channel)) this.wire.push(publication);
  }

  deliver(): void {
    const next = this.wire.shift();
    if (next === undefined || !this.#subscribed.has(next.channel)) return;
    this.#delivered = next;
    this.#events.onPublication(next);
  }

  /** The publication delivered last comes once more. */
  deliverAgain(): void {
    const again = this.#delivered;
    if (again !== undefined && this.#subscribed.has(again.channel)) this.#events.onPublication(again);
  }

  /** The second on the wire overtakes the first. */
  swap(): void {
    const [first, second] = this.wire;
    if (first !== undefined && second !== undefined) this.wire.splice(0, 2, second, first);
  }

  /** `deaf`: publications do not arrive any more, but the real broker can still be asked. */
  cut(how: "deaf" | "whole"): void {
    if (!this.connected) return;
    this.connected = false;
    this.#isAway = how === "whole";
    this.wire.length = 0;
    if (this.#isAway) for (const call of this.waiting.splice(0)) call.fail();
    this.#events.onConnected(false);
  }

  restore(): void {
    if (this.connected) return;
    this.connected = true;
    this.#isAway = false;
    this.#events.onConnected(true);
  }

  #through<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#isAway) return Promise.reject(new BrokerUnavailableError("cut"));
    if (!this.holdsAnswers) return this.#ask(ask);
    const early = this.readsEarly ? this.#ask(ask) : undefined;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.waiting.push({
      answer: async () => resolve(await (early ?? this.#ask(ask))),
      fail: () => reject(new BrokerUnavailableError("lost")),
    });
    return promise;
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    this.asked += 1;
    try {
      return await ask();
    } finally {
      this.answered += 1;
    }
  }
}
