import { Calls } from "./calls.ts";
import { Channels } from "./channels.ts";
import type { ChannelName, DataOf } from "./channel-map.ts";
import { Connector } from "./connector.ts";
import { Continuation } from "./continuation.ts";
import { Emitter, guarded, type Listener, type Unlisten } from "./emitter.ts";
import { ClosedError } from "./errors.ts";
import { Inbox, type InboxMessage } from "./inbox.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { given } from "./json-fields.ts";
import { jsonPayload } from "./json-payload.ts";
import type { Link } from "./link.ts";
import type { ClientInfo, ConnectResult, Payload, Push, StreamPosition } from "./messages.ts";
import { Migrator } from "./migrator.ts";
import { Opener, type OpeningRequest } from "./opener.ts";
import { type ClientOptions, type Parts, type Settings, settingsOf } from "./options.ts";
import { publicationOf } from "./publication.ts";
import { Publisher, type PublishOptions } from "./publisher.ts";
import { type ServerFeedEvents, ServerFeeds } from "./server-feeds.ts";
import type { State } from "./state.ts";
import type { ChannelCalls, History, HistoryOptions, PresenceStats, Subscription } from "./subscription.ts";
import type { SubscriptionOptions } from "./subscription-options.ts";
import { TokenRefresh } from "./token-refresh.ts";
import { TokenSource } from "./token-source.ts";
import type { Trace } from "./trace.ts";
import { TransportChoice } from "./transport-choice.ts";

/** Events of the whole client. Those of a channel that the server subscribed are here, too. */
export interface ClientEvents extends ServerFeedEvents {
  readonly state: State;
  /** Said to this connection alone. */
  readonly message: Payload;
  readonly inbox: InboxMessage;
  /** Something went wrong and is tried again, or nobody waits for it. */
  readonly error: Error;
}

export interface CallOptions {
  /** Waiting for a connection included. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** Without a map of channels every name is allowed and every payload unknown. */
export type AnyChannels = Readonly<Record<"*", unknown>>;

/** A connection to a Belay gateway, or to any server of the Centrifuge protocol: one object for the life of the application. */
export class Client<Names extends object = AnyChannels> {
  readonly #settings: Settings;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #connector: Connector;
  readonly #continuation = new Continuation();
  readonly #migrator: Migrator;
  readonly #channels: Channels;
  readonly #publisher: Publisher;
  readonly #calls: Calls;
  readonly #inbox: Inbox | undefined;
  readonly #refresh: TokenRefresh;
  readonly #trace: Trace;
  #result: ConnectResult | undefined;

  constructor(options: ClientOptions & Parts) {
    const settings = settingsOf(options);
    this.#settings = settings;
    this.#trace = (body) => guarded(() => settings.trace?.({ atMs: settings.clock.nowMs(), ...body }));
    this.#inbox = options.inbox === undefined ? undefined : new Inbox(options.inbox.group ?? "");
    const tokens = new TokenSource(options.token, options.getToken);
    const choice = new TransportChoice({
      factories: settings.transports,
      format: settings.codec.format,
      environment: settings.environment,
      memory: options.transportMemory,
    });
    const link = (): Link | undefined => this.#connector.link;
    const opener = new Opener(settings, tokens, choice, this.#trace);
    this.#connector = new Connector(
      { settings, opener, tokens, choice, request: () => this.#openingRequest() },
      {
        onState: (state) => this.#changed(state),
        onEstablished: (result, established) => this.#established(result, established),
        onPush: (push) => this.#pushed(push),
        onLost: () => this.#migrator.lost(),
        onDown: (reason) => this.#down(reason !== undefined),
      },
    );
    this.#migrator = new Migrator({
      settings,
      opener,
      connector: this.#connector,
      trace: this.#trace,
      positions: () => this.#channels.positions(),
      request: () => this.#openingRequest(),
      adopt: (...adopted) => this.#goOn(...adopted),
      onPush: (push) => this.#pushed(push),
      onSettled: (settled) => this.#channels.sync(settled),
    });
    this.#calls = new Calls({ clock: settings.clock, link, closed: () => this.#closedError() });
    this.#publisher = new Publisher(settings, link, (error) => this.#emitter.emit("error", error));
    this.#refresh = new TokenRefresh({
      ...settings,
      tokens,
      send: (token, answer) => link()?.request({ kind: "refresh", token }, answer),
      onFailed: (error) => this.#emitter.emit("error", error),
    });
    this.#channels = this.#makeChannels(link);
  }

  get state(): State {
    return this.#connector.state;
  }

  /** Id of this client, chosen by the server; stays over a move and a resume. */
  get id(): string | undefined {
    return this.#result?.client;
  }

  /** Bytes that were sent and have not left yet: back-pressure of the socket. */
  get bufferedAmount(): number {
    return this.#connector.link?.bufferedAmount ?? 0;
  }

  /** Publishes that wait: for a connection, or behind others. */
  get queue(): Publisher["waiting"] {
    return this.#publisher.waiting;
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): Unlisten {
    return this.#emitter.on(name, listener);
  }

  /** Begins to connect, and stays until `disconnect` or a final reason. */
  connect(): void {
    this.#connector.handle({ type: "connect" });
  }

  /** Ends everything that is under way; subscriptions come back with the next `connect`. */
  disconnect(): void {
    this.#connector.handle({ type: "disconnect" });
  }

  /** Resolves when connected. Rejects when the client is closed or disconnected, or after the time-out. */
  async ready(timeoutMs: number = Infinity): Promise<void> {
    await this.#calls.connected(timeoutMs);
  }

  /** The channel's one subscription, made at the first call; options count then. It begins with its `subscribe`. */
  channel<Name extends ChannelName<Names>>(
    name: Name,
    options: SubscriptionOptions = {},
  ): Subscription<DataOf<Names, Name>> {
    return this.#channels.get(name, options) as unknown as Subscription<DataOf<Names, Name>>;
  }

  /** Unsubscribes and forgets the channel's subscription. */
  removeChannel(name: ChannelName<Names>): void {
    this.#channels.remove(name);
  }

  /** Resolves when the server has the publish. */
  async publish<Name extends ChannelName<Names>>(
    channel: Name,
    data: DataOf<Names, Name>,
    options?: PublishOptions,
  ): Promise<void> {
    const closed = this.#closedForGood();
    if (closed !== undefined) throw closed;
    return this.#publisher.publish(channel, data, options);
  }

  async history<Name extends ChannelName<Names>>(
    channel: Name,
    options: HistoryOptions = {},
  ): Promise<History<DataOf<Names, Name>>> {
    const { limit = -1, since, reverse = false } = options;
    const request = { kind: "history", channel, limit, reverse, ...given({ since }) } as const;
    const { result } = await this.#calls.call(request, this.#timeoutMs);
    const { epoch, offset } = result;
    return { publications: result.publications.map((wire) => publicationOf(channel, wire)), epoch, offset };
  }

  async presence(channel: ChannelName<Names>): Promise<ReadonlyMap<string, ClientInfo>> {
    return (await this.#calls.call({ kind: "presence", channel }, this.#timeoutMs)).presence;
  }

  async presenceStats(channel: ChannelName<Names>): Promise<PresenceStats> {
    const { clients, users } = await this.#calls.call({ kind: "presence_stats", channel }, this.#timeoutMs);
    return { clients, users };
  }

  /** Calls the application behind the server. Never repeated: after a loss the outcome is unknown. */
  async rpc(method: string, data?: Payload, options: CallOptions = {}): Promise<Payload> {
    const { timeoutMs = this.#timeoutMs } = options;
    const reply = await this.#calls.call({ kind: "rpc", method, ...given({ data }) }, timeoutMs);
    return reply.data;
  }

  /** A message to the server, which is never answered. Resolves when it is on its way. */
  async send(data: Payload): Promise<void> {
    (await this.#calls.connected(this.#timeoutMs)).send(data);
  }

  /** Tells the inbox that everything up to this place has been dealt with. */
  async acknowledge({ epoch, offset }: StreamPosition): Promise<void> {
    await this.rpc("belay:ack", jsonPayload(this.#settings.codec.format, { epoch, offset }));
  }

  /** What the client is doing, for people. */
  inspect(): Inspection {
    const { link, state } = this.#connector;
    return inspect({ state, link, result: this.#result, channels: this.#channels.all, publisher: this.#publisher });
  }

  get #timeoutMs(): number {
    return this.#settings.requestTimeoutMs;
  }

  #makeChannels(link: () => Link | undefined): Channels {
    const changeable = (): Link | undefined => (this.#migrator.isMoving ? undefined : link());
    const host = { ...this.#settings, trace: this.#trace, link, changeable, closed: () => this.#closedForGood() };
    // What names there are is a matter of types.
    return new Channels(host, this as unknown as ChannelCalls, new ServerFeeds(host, this.#emitter));
  }

  #openingRequest(): OpeningRequest {
    const handover = this.#continuation.request(this.#settings.clock.nowMs());
    return { handover, subs: this.#channels.serverSubs(), inbox: this.#inbox?.request() };
  }

  #established(result: ConnectResult, link: Link): void {
    this.#goOn(result, link, false);
    this.#channels.sync(link);
  }

  /** The connection is this one; with `moved` it goes on where another one was. */
  #goOn(result: ConnectResult, link: Link, isComplete: boolean): void {
    const { handover, keys, inbox, window } = result.belay ?? {};
    this.#result = result;
    this.#connector.windowMs = window?.ms ?? 0;
    this.#continuation.granted(handover);
    const problem = this.#inbox?.opened(inbox);
    this.#refresh.start(result);
    if (handover?.moved === undefined) this.#channels.established(link, result.subs ?? new Map());
    else this.#channels.continued(link, handover.moved, isComplete);
    // A listener may have ended it.
    if (this.#connector.link !== link) return;
    this.#publisher.connected(keys === true);
    this.#calls.proceed(link);
    if (problem !== undefined) this.#emitter.emit("error", problem);
  }

  #pushed(push: Push): void {
    if ("channel" in push) return this.#channels.push(push);
    switch (push.kind) {
      case "message":
        return this.#emitter.emit("message", push.data);
      case "inbox":
        return this.#showInbox(push);
      case "refresh":
        return this.#refresh.start(push);
      case "window":
        this.#connector.windowMs = push.window.ms;
        return;
      case "goaway":
        this.#continuation.renewed(push.goaway);
        return this.#migrator.goaway(push.goaway);
      case "goaway_cancel":
        return this.#migrator.cancel();
      case "disconnect":
        return;
    }
  }

  #showInbox({ epoch, publication }: Extract<Push, { readonly kind: "inbox" }>): void {
    const message = this.#inbox?.arrived(epoch, publication);
    if (message !== undefined) this.#emitter.emit("inbox", message);
  }

  #down(isLost: boolean): void {
    this.#refresh.stop();
    this.#migrator.down();
    // The server keeps the session for a while, unless the client said goodbye.
    if (isLost) this.#continuation.lost(this.#settings.clock.nowMs(), this.#channels.positions());
    else this.#continuation.end();
    this.#channels.lost();
  }

  #changed(state: State): void {
    this.#trace({ type: "state", state });
    const closed = this.#closedError();
    if (closed !== undefined) {
      this.#publisher.close(closed);
      this.#calls.close(closed);
      for (const subscription of this.#channels.all) subscription.close(closed);
    }
    this.#emitter.emit("state", state);
  }

  #closedError(): ClosedError | undefined {
    return this.state.name === "disconnected" ? new ClosedError() : this.#closedForGood();
  }

  #closedForGood(): ClosedError | undefined {
    return this.state.name === "closed" ? new ClosedError(this.state.reason) : undefined;
  }
}
