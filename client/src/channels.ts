import type { Link } from "./link.ts";
import type { Push, StreamPosition, SubscribeRequest, SubscribeResult } from "./messages.ts";
import type { ServerFeeds } from "./server-feeds.ts";
import { type SubscriptionHost, unsubscribe } from "./subscribing.ts";
import { type ChannelCalls, Subscription } from "./subscription.ts";
import type { SubscriptionOptions } from "./subscription-options.ts";

type ChannelPush = Extract<Push, { readonly channel: string }>;

/** All subscriptions of a client: those it made, and those that the server made for it. */
export class Channels {
  readonly #host: SubscriptionHost;
  readonly #calls: ChannelCalls;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #server: ServerFeeds;
  /** Unsubscribed while that could not be said. */
  readonly #leaving = new Set<string>();

  constructor(host: Omit<SubscriptionHost, "leaveLater" | "taken">, calls: ChannelCalls, server: ServerFeeds) {
    const taken = (channel: string): void => server.end(channel);
    this.#host = { ...host, leaveLater: (channel) => this.#leaving.add(channel), taken };
    this.#calls = calls;
    this.#server = server;
  }

  get all(): Iterable<Subscription> {
    return this.#subscriptions.values();
  }

  /** The channel's one subscription; options count when it is made. */
  get(channel: string, options: SubscriptionOptions): Subscription {
    const known = this.#subscriptions.get(channel);
    if (known !== undefined) return known;
    const made = new Subscription(channel, options, this.#host, this.#calls);
    this.#subscriptions.set(channel, made);
    return made;
  }

  /** Ends the subscription and forgets it. */
  remove(channel: string): void {
    this.#subscriptions.get(channel)?.unsubscribe();
    this.#subscriptions.delete(channel);
  }

  /** Places of everything live, for a connection that goes on with it. */
  positions(): ReadonlyMap<string, StreamPosition> {
    const positions = new Map<string, StreamPosition>(this.#server.positions());
    for (const { channel, position, connection } of this.#subscriptions.values())
      if (position !== undefined && connection.isLive) positions.set(channel, position);
    return positions;
  }

  /** Server-side subscriptions that the next connection is asked to recover. */
  serverSubs(): ReadonlyMap<string, SubscribeRequest> {
    return this.#server.requests();
  }

  /** A new connection: everything is subscribed anew, with `sync` what needs a token first. */
  established(link: Link, subs: ReadonlyMap<string, SubscribeResult>): void {
    this.#leaving.clear();
    this.#server.established(subs);
    // A listener may have ended it.
    if (this.#host.link() !== link) return;
    const pairs = [...this.#subscriptions.values()].map(({ connection }) => connection.prepare(link));
    link.requestAll(pairs.filter((pair) => pair !== undefined));
  }

  /** A connection that goes on where another one is, or was. `isComplete`: that one has delivered all before these places. */
  continued(link: Link, moved: ReadonlyMap<string, StreamPosition>, isComplete: boolean): void {
    const foreign = new Map<string, StreamPosition>();
    for (const [channel, position] of moved) {
      // A listener may have ended it.
      if (this.#host.link() !== link) return;
      if (this.#leaving.has(channel)) continue;
      const subscription = this.#subscriptions.get(channel);
      if (subscription !== undefined && subscription.state.name !== "unsubscribed")
        subscription.continued(position, isComplete);
      else if (this.#isOfServer(channel)) foreign.set(channel, position);
      else this.#leaving.add(channel);
    }
    this.#server.continued(foreign);
    for (const subscription of this.#subscriptions.values())
      if (!moved.has(subscription.channel) || this.#leaving.has(subscription.channel)) subscription.lost();
  }

  /** The application has none, or none now. */
  #isOfServer(channel: string): boolean {
    return !this.#subscriptions.has(channel) || this.#server.has(channel);
  }

  /** Subscriptions may be changed again. */
  sync(link: Link): void {
    for (const channel of this.#leaving) unsubscribe(link, channel);
    this.#leaving.clear();
    for (const { connection } of this.#subscriptions.values()) connection.ask();
  }

  lost(): void {
    this.#server.lost();
    for (const subscription of this.#subscriptions.values()) subscription.lost();
  }

  push(push: ChannelPush): void {
    const subscription = this.#subscriptions.get(push.channel);
    const isLive = subscription?.connection.isLive === true;
    if (push.kind === "subscribe") return isLive ? undefined : this.#server.subscribed(push.channel, push.result);
    const isMine = isLive || !this.#server.has(push.channel);
    if (subscription === undefined || !isMine) return this.#server.push(push);
    if (push.kind === "publication") return subscription.arrived(push.publication);
    if (push.kind === "unsubscribe") return subscription.unsubscribed(push.code, push.reason);
    subscription.moved(push.kind, push.info);
  }
}
