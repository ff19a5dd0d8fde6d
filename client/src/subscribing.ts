import { type Retrying, retryMs } from "./backoff.ts";
import type { ClientStore } from "./client-store.ts";
import type { CancelTimer, Clock } from "./clock.ts";
import {
  type ClosedError,
  ConnectionLostError,
  RequestTimeoutError,
  ServerError,
  UnauthorizedError,
  UnsubscribedError,
} from "./errors.ts";
import { isTemporary, toError } from "./failure.ts";
import { given } from "./json-fields.ts";
import type { Answer, Link, Outcome, Request } from "./link.ts";
import type { StreamPosition, SubscribeResult } from "./messages.ts";
import { needsNewToken } from "./reconnect-policy.ts";
import type { SubscriptionOptions } from "./subscription-options.ts";
import { TokenRefresh } from "./token-refresh.ts";
import { TokenSource } from "./token-source.ts";
import type { Trace } from "./trace.ts";

/** What a client is to its subscriptions. */
export interface SubscriptionHost extends Retrying {
  readonly clock: Clock;
  readonly trace: Trace;
  readonly store?: ClientStore;
  readonly link: () => Link | undefined;
  /** The connection, where subscriptions may be changed now; in a move they may not. */
  readonly changeable: () => Link | undefined;
  /** Why the client is closed for good, where it is. */
  readonly closed: () => ClosedError | undefined;
  /** Told as soon as subscriptions may be changed again. */
  readonly leaveLater: (channel: string) => void;
  /** Told where the server's own subscription of a channel has given way. */
  readonly taken: (channel: string) => void;
}

export interface SubscribingEvents {
  readonly position: () => StreamPosition | undefined;
  readonly onSubscribed: (result: SubscribeResult) => void;
  readonly onRetry: (error: Error) => void;
  readonly onEnded: (error: UnsubscribedError) => void;
}

export type SubscribeRequestPair = readonly [Request, Answer];

/** Gets a subscription onto the connection, and keeps it there: token, request, tries, refresh. */
export class Subscribing {
  readonly #channel: string;
  readonly #options: SubscriptionOptions;
  readonly #host: SubscriptionHost;
  readonly #events: SubscribingEvents;
  readonly #tokens: TokenSource;
  readonly #refresh: TokenRefresh;
  /** The server has, or may have, this subscription on the connection. */
  #isAsked = false;
  #isLive = false;
  #isWanted = false;
  #attempt = 0;
  /** Grows where an answer under way is of no use any more. */
  #turn = 0;
  #mayRecover = true;
  #cancelTimer: CancelTimer | undefined;

  constructor(channel: string, options: SubscriptionOptions, host: SubscriptionHost, events: SubscribingEvents) {
    this.#channel = channel;
    this.#options = options;
    this.#host = host;
    this.#events = events;
    this.#tokens = new TokenSource(options.token, options.getToken);
    this.#refresh = new TokenRefresh({
      ...host,
      tokens: this.#tokens,
      send: (token, answer) => this.#sendToken(token, answer),
      // The server ends the subscription when the token does, and says so.
      onFailed: (error) => events.onRetry(error),
    });
  }

  /** The server has the subscription, and has said so. */
  get isLive(): boolean {
    return this.#isLive;
  }

  start(): void {
    this.#isWanted = true;
    this.#attempt = 0;
    this.ask();
  }

  /** Asks the server where that is possible now and has not been done. */
  ask(): void {
    const link = this.#host.changeable();
    if (link === undefined || !this.#isWanted || this.#isAsked) return;
    const pair = this.prepare(link);
    if (pair !== undefined) return link.request(...pair);
    this.#turn += 1;
    const turn = this.#turn;
    const retry = (error: unknown): void => {
      if (turn === this.#turn) this.#failed(toError(error));
    };
    this.#tokens
      .get()
      .then(() => turn === this.#turn && this.ask())
      .catch(retry);
  }

  /** The request, for a frame with others; undefined where a token is to be had first, or nothing to be asked. */
  prepare(link: Link): SubscribeRequestPair | undefined {
    const needsToken = this.#tokens.atHand === undefined && this.#tokens.canRenew;
    if (!this.#isWanted || this.#isAsked || needsToken) return undefined;
    this.#isAsked = true;
    this.#turn += 1;
    const turn = this.#turn;
    return [this.#request(), (outcome) => turn === this.#turn && this.#answered(outcome, link)];
  }

  /** The connection is gone, and the subscription on it. */
  lost(): void {
    this.#rest();
    this.#attempt = 0;
  }

  /** The subscription is on the new connection already. */
  continued(): void {
    this.#turn += 1;
    this.#cancelTimer?.();
    this.#isAsked = true;
    this.#isLive = true;
    this.#refresh.resume();
  }

  /** The server ended it and wants to be asked again. */
  again(isInvalidated: boolean): void {
    this.#rest();
    if (isInvalidated) {
      this.#mayRecover = false;
      this.#tokens.drop();
    }
    this.ask();
  }

  /** Nothing more is wanted, and the server knows. */
  stop(): void {
    this.#rest();
    this.#isWanted = false;
  }

  /** Nothing more is wanted: the server is told. */
  leave(): void {
    const mayBeThere = this.#isAsked || this.#host.link() === undefined;
    this.stop();
    // A connection that is lost may be continued, with its subscriptions.
    if (!mayBeThere) return;
    const link = this.#host.changeable();
    if (link === undefined) this.#host.leaveLater(this.#channel);
    else unsubscribe(link, this.#channel);
  }

  #rest(): void {
    this.#turn += 1;
    this.#isAsked = false;
    this.#isLive = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#refresh.stop();
  }

  #request(): Request {
    const { data, joinLeave, tagsFilter } = this.#options;
    const token = this.#tokens.atHand;
    const position = this.#mayRecover ? this.#events.position() : undefined;
    return given({
      kind: "subscribe" as const,
      channel: this.#channel,
      positioned: true,
      recoverable: true,
      recover: position && true,
      ...position,
      token,
      data,
      joinLeave,
      tagsFilter,
    });
  }

  #answered(outcome: Outcome, link: Link): void {
    if (!outcome.ok) return this.#refused(outcome.error, link);
    if (outcome.reply.kind !== "subscribe") return link.abandon();
    this.#attempt = 0;
    this.#mayRecover = true;
    this.#isLive = true;
    this.#refresh.start(outcome.reply.result);
    this.#events.onSubscribed(outcome.reply.result);
  }

  #refused(error: Error, link: Link): void {
    // The next connection asks again.
    if (error instanceof ConnectionLostError) {
      this.#isAsked = false;
      return;
    }
    if (error instanceof RequestTimeoutError) return link.abandon();
    const code = error instanceof ServerError ? error.code : 0;
    const isExpired = needsNewToken(code) && this.#tokens.canRenew;
    if (isExpired) this.#tokens.drop();
    if (code === ALREADY_SUBSCRIBED) return this.#takeOver(error, link);
    if (isExpired || isTemporary(error)) return this.#failed(error);
    this.#events.onEnded(new UnsubscribedError(code, error.message));
  }

  /** It is there, of another life of this subscription, or is the server's own. */
  #takeOver(error: Error, link: Link): void {
    unsubscribe(link, this.#channel);
    this.#failed(error);
    this.#host.taken(this.#channel);
  }

  /** Tries again later, unless there will be no token. */
  #failed(error: Error): void {
    this.#isAsked = false;
    if (error instanceof UnauthorizedError) return this.#events.onEnded(new UnsubscribedError(0, error.message));
    this.#cancelTimer?.();
    this.#cancelTimer = this.#host.clock.after(retryMs(this.#host, this.#attempt), () => this.ask());
    this.#attempt += 1;
    this.#events.onRetry(error);
  }

  #sendToken(token: string, answer: Answer): void {
    const link = this.#host.changeable();
    if (link === undefined) answer({ ok: false, error: new ConnectionLostError("the connection moves") });
    else link.request({ kind: "sub_refresh", channel: this.#channel, token }, answer);
  }
}

const ALREADY_SUBSCRIBED = 105;

/** Tells the server; one that does not answer is not believed any more. */
export function unsubscribe(link: Link, channel: string): void {
  link.request({ kind: "unsubscribe", channel }, (outcome) => {
    if (!outcome.ok && outcome.error instanceof RequestTimeoutError) link.abandon();
  });
}
