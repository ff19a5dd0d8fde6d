import { Emitter, type Listener, type Unlisten } from "./emitter.ts";
import { type ClosedError, UnsubscribedError } from "./errors.ts";
import { Feed } from "./feed.ts";
import type { ClientInfo, Payload, StreamPosition, WirePublication } from "./messages.ts";
import { type Publication, publicationOf } from "./publication.ts";
import type { PublishOptions } from "./publisher.ts";
import type { Reset } from "./sequencer.ts";
import { Subscribing, type SubscriptionHost } from "./subscribing.ts";
import type { SubscriptionOptions } from "./subscription-options.ts";

export type SubscriptionStateName = "unsubscribed" | "subscribing" | "subscribed";

export interface SubscriptionState {
  readonly name: SubscriptionStateName;
  /** Why it is unsubscribed, where the application did not ask for it. */
  readonly error?: UnsubscribedError;
}

export interface SubscriptionEvents<Data> {
  readonly publication: Publication<Data>;
  readonly join: ClientInfo;
  readonly leave: ClientInfo;
  readonly state: SubscriptionState;
  /** Publications were missed that cannot be had. */
  readonly reset: Reset;
  /** Something went wrong and is tried again. */
  readonly error: Error;
}

export interface HistoryOptions {
  /** At most so many; absent: everything. */
  readonly limit?: number;
  readonly since?: StreamPosition;
  /** The newest first. */
  readonly reverse?: boolean;
}

export interface History<Data> extends StreamPosition {
  readonly publications: readonly Publication<Data>[];
}

/** What a subscription asks its client for. */
export interface ChannelCalls {
  publish(channel: string, data: Payload, options?: PublishOptions): Promise<void>;
  history<Data>(channel: string, options?: HistoryOptions): Promise<History<Data>>;
  presence(channel: string): Promise<ReadonlyMap<string, ClientInfo>>;
  presenceStats(channel: string): Promise<PresenceStats>;
}

export interface PresenceStats {
  readonly clients: number;
  readonly users: number;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One channel, for as long as the application wants it: reconnects and moves do not end it. */
export class Subscription<Data = unknown> {
  readonly channel: string;
  readonly #calls: ChannelCalls;
  readonly #emitter = new Emitter<SubscriptionEvents<Data>>();
  readonly #feed: Feed;
  readonly #subscribing: Subscribing;
  readonly #onReset: SubscriptionOptions["onReset"];
  readonly #closed: SubscriptionHost["closed"];
  #state: SubscriptionState = { name: "unsubscribed" };
  readonly #waiting: Waiting[] = [];

  constructor(channel: string, options: SubscriptionOptions, host: SubscriptionHost, calls: ChannelCalls) {
    this.channel = channel;
    this.#calls = calls;
    this.#onReset = options.onReset;
    this.#closed = host.closed;
    this.#feed = new Feed({
      ...host,
      channel,
      isFiltered: options.tagsFilter !== undefined,
      places: options.isResumed === true ? host.store : undefined,
      onPublication: (wire) => this.#emitter.emit("publication", publicationOf(channel, wire)),
      onReset: (reset) => this.#reset(reset),
    });
    this.#subscribing = new Subscribing(channel, options, host, {
      position: () => this.#feed.position,
      onSubscribed: (result) => {
        // The state first: what the subscription recovered is shown to one who knows that it is subscribed, unless he ends it.
        this.#become({ name: "subscribed" });
        if (this.#state.name === "subscribed") this.#feed.subscribed(result);
      },
      onRetry: (error) => this.#emitter.emit("error", error),
      onEnded: (error) => this.#end(error),
    });
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** Place of the newest publication shown. */
  get position(): StreamPosition | undefined {
    return this.#feed.position;
  }

  on<Name extends keyof SubscriptionEvents<Data>>(
    name: Name,
    listener: Listener<SubscriptionEvents<Data>[Name]>,
  ): Unlisten {
    return this.#emitter.on(name, listener);
  }

  /** Begins, and stays until `unsubscribe` or until the server ends it for good. */
  subscribe(): void {
    if (this.#state.name !== "unsubscribed") return;
    this.#become({ name: "subscribing" });
    this.#subscribing.start();
  }

  /** Resolves when subscribed, rejects when the subscription or the client ends before. */
  async ready(): Promise<void> {
    if (this.#state.name === "subscribed") return;
    if (this.#state.name === "unsubscribed") throw this.#state.error ?? new UnsubscribedError(0, "not subscribed");
    const closed = this.#closed();
    if (closed !== undefined) throw closed;
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  unsubscribe(): void {
    if (this.#state.name === "unsubscribed") return;
    this.#subscribing.leave();
    this.#feed.forget();
    this.#become({ name: "unsubscribed" });
  }

  async publish(data: Data, options?: PublishOptions): Promise<void> {
    return this.#calls.publish(this.channel, data, options);
  }

  async history(options?: HistoryOptions): Promise<History<Data>> {
    return this.#calls.history(this.channel, options);
  }

  async presence(): Promise<ReadonlyMap<string, ClientInfo>> {
    return this.#calls.presence(this.channel);
  }

  async presenceStats(): Promise<PresenceStats> {
    return this.#calls.presenceStats(this.channel);
  }

  // ---- What the client tells it ----

  /** @internal */
  get connection(): Subscribing {
    return this.#subscribing;
  }

  /** @internal The connection is lost. */
  lost(): void {
    this.#subscribing.lost();
    this.#feed.stopFilling();
    if (this.#state.name === "subscribed") this.#become({ name: "subscribing" });
  }

  /** @internal The client is closed: who waits is told. */
  close(error: ClosedError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** @internal Another connection goes on behind this place. */
  continued(position: StreamPosition, isComplete: boolean): void {
    this.#subscribing.continued();
    this.#become({ name: "subscribed" });
    // Unless a listener ended it.
    if (this.#state.name === "subscribed") this.#feed.continued(position, isComplete);
  }

  /** @internal */
  arrived(publication: WirePublication): void {
    if (this.#state.name === "subscribed") this.#feed.arrived(publication);
  }

  /** @internal */
  moved(kind: "join" | "leave", info: ClientInfo): void {
    if (this.#state.name === "subscribed") this.#emitter.emit(kind, info);
  }

  /** @internal The server ended it; from 2500 on the client subscribes again. */
  unsubscribed(code: number, reason: string): void {
    if (this.#state.name === "unsubscribed") return;
    if (code < FIRST_TO_COME_BACK) return this.#end(new UnsubscribedError(code, reason));
    this.#become({ name: "subscribing" });
    this.#subscribing.again(code === STATE_INVALIDATED);
  }

  #end(error: UnsubscribedError): void {
    this.#subscribing.stop();
    this.#feed.forget();
    this.#become({ name: "unsubscribed", error });
  }

  #reset(reset: Reset): Promise<void> | undefined {
    this.#emitter.emit("reset", reset);
    return this.#onReset?.(reset);
  }

  #become(state: SubscriptionState): void {
    if (state.name === this.#state.name) return;
    this.#state = state;
    if (state.name !== "subscribing") {
      for (const { resolve, reject } of this.#waiting.splice(0))
        if (state.name === "subscribed") resolve();
        else reject(state.error ?? new UnsubscribedError(0, "unsubscribed"));
    }
    this.#emitter.emit("state", state);
  }
}

/** Unsubscribe codes from here on ask the client to subscribe again. */
const FIRST_TO_COME_BACK = 2500;
/** The rules of the channel changed: position and token are of no use any more. */
const STATE_INVALIDATED = 2502;
