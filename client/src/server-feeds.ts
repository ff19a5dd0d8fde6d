import { Feed, type FeedDeps } from "./feed.ts";
import type { ClientInfo, Push, StreamPosition, SubscribeRequest, SubscribeResult } from "./messages.ts";
import { type Publication, publicationOf } from "./publication.ts";
import type { Reset } from "./sequencer.ts";

type ChannelPush = Extract<Push, { readonly channel: string }>;

/** Events of subscriptions that the server made. */
export interface ServerFeedEvents {
  readonly publication: Publication;
  readonly join: { readonly channel: string; readonly info: ClientInfo };
  readonly leave: { readonly channel: string; readonly info: ClientInfo };
  readonly reset: { readonly channel: string; readonly reset: Reset };
  readonly subscribed: { readonly channel: string };
  readonly unsubscribed: { readonly channel: string };
}

/** Tells them. */
export interface ServerFeedEmitter {
  emit<Name extends keyof ServerFeedEvents>(name: Name, event: ServerFeedEvents[Name]): void;
}

/** A server may take what is not said for a no, where it would have given it to one who names no place. */
const WANTED = { positioned: true, recoverable: true, joinLeave: true };

/** Subscriptions that the server made: the client never asks for one, but recovers it with connect. */
export class ServerFeeds {
  readonly #deps: Omit<FeedDeps, "channel" | "isFiltered" | "onPublication" | "onReset">;
  readonly #emitter: ServerFeedEmitter;
  readonly #feeds = new Map<string, Feed>();

  constructor(
    deps: Omit<FeedDeps, "channel" | "isFiltered" | "onPublication" | "onReset">,
    emitter: ServerFeedEmitter,
  ) {
    this.#deps = deps;
    this.#emitter = emitter;
  }

  has(channel: string): boolean {
    return this.#feeds.has(channel);
  }

  *positions(): Iterable<[string, StreamPosition]> {
    for (const [channel, { position }] of this.#feeds) if (position !== undefined) yield [channel, position];
  }

  requests(): ReadonlyMap<string, SubscribeRequest> {
    return new Map(
      [...this.positions()].map(([channel, position]) => [channel, { ...WANTED, recover: true, ...position }]),
    );
  }

  /** A new connection has these, and no others. */
  established(subs: ReadonlyMap<string, SubscribeResult>): void {
    this.#keepOnly(subs);
    for (const [channel, result] of subs) this.subscribed(channel, result);
  }

  subscribed(channel: string, result: SubscribeResult): void {
    // A listener may end the connection.
    const { link } = this.#deps;
    if (link() === undefined) return;
    const feed = this.#feeds.get(channel) ?? this.#make(channel);
    this.#emitter.emit("subscribed", { channel });
    if (link() !== undefined) feed.subscribed(result);
  }

  lost(): void {
    for (const feed of this.#feeds.values()) feed.stopFilling();
  }

  /** A connection that goes on with these, and no others. */
  continued(places: ReadonlyMap<string, StreamPosition>): void {
    this.#keepOnly(places);
    for (const [channel, position] of places) {
      const feed = this.#feeds.get(channel);
      if (feed === undefined) this.subscribed(channel, position);
      else feed.continued(position, false);
    }
  }

  #keepOnly(channels: ReadonlyMap<string, unknown>): void {
    for (const channel of this.#feeds.keys()) if (!channels.has(channel)) this.end(channel);
  }

  push(push: Exclude<ChannelPush, { readonly kind: "subscribe" }>): void {
    if (push.kind === "publication") this.#feeds.get(push.channel)?.arrived(push.publication);
    else if (push.kind === "unsubscribe") this.end(push.channel);
    else if (this.has(push.channel)) this.#emitter.emit(push.kind, { channel: push.channel, info: push.info });
  }

  #make(channel: string): Feed {
    const feed = new Feed({
      ...this.#deps,
      channel,
      isFiltered: false,
      onPublication: (publication) => this.#emitter.emit("publication", publicationOf(channel, publication)),
      onReset: (reset) => {
        this.#emitter.emit("reset", { channel, reset });
        return undefined;
      },
    });
    this.#feeds.set(channel, feed);
    return feed;
  }

  /** The server's subscription is over, where there is one. */
  end(channel: string): void {
    this.#feeds.get(channel)?.forget();
    if (this.#feeds.delete(channel)) this.#emitter.emit("unsubscribed", { channel });
  }
}
