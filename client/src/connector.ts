import type { CancelTimer } from "./clock.ts";
import type { Link, LinkEnd } from "./link.ts";
import type { ConnectResult, ErrorReply, Push } from "./messages.ts";
import { watchNetwork } from "./network-watch.ts";
import type { Opener, OpeningRequest } from "./opener.ts";
import type { Settings } from "./options.ts";
import { needsNewToken, type Verdict, verdictOfClose, verdictOfConnectError } from "./reconnect-policy.ts";
import { type ClosedReason, type Effect, type State, type StateEvent, step } from "./state.ts";
import type { TokenSource } from "./token-source.ts";
import type { TransportChoice } from "./transport-choice.ts";

export interface ConnectorDeps {
  readonly settings: Settings;
  readonly opener: Opener;
  readonly tokens: TokenSource;
  readonly choice: TransportChoice;
  /** What the next connection begins with. */
  readonly request: () => OpeningRequest;
}

export interface ConnectorEvents {
  readonly onState: (state: State) => void;
  readonly onEstablished: (result: ConnectResult, link: Link) => void;
  readonly onPush: (push: Push) => void;
  /** The connection is lost: another one may be adopted in its place. */
  readonly onLost: () => void;
  /** The connection is gone; without a reason because the application ended it. The state follows. */
  readonly onDown: (reason: ClosedReason | undefined) => void;
}

/** Carries out what `step` decides: one connection at a time, opened again for as long as that makes sense. */
export class Connector {
  readonly #deps: ConnectorDeps;
  readonly #events: ConnectorEvents;
  #state: State = { name: "disconnected" };
  #link: Link | undefined;
  #windowMs = 0;
  #cancelOpening: (() => void) | undefined;
  #cancelWait: CancelTimer | undefined;
  #unwatch: (() => void) | undefined;

  constructor(deps: ConnectorDeps, events: ConnectorEvents) {
    this.#deps = deps;
    this.#events = events;
  }

  get state(): State {
    return this.#state;
  }

  /** The established connection. */
  get link(): Link | undefined {
    return this.#link?.isEstablished === true ? this.#link : undefined;
  }

  /** Of the server's reconnect window (E4). */
  set windowMs(windowMs: number) {
    this.#windowMs = windowMs;
  }

  handle(event: StateEvent): void {
    const { settings } = this.#deps;
    const next = step(this.#state, event, {
      ...settings,
      nowMs: settings.clock.nowMs(),
      random: settings.random(),
      windowMs: this.#windowMs,
    });
    const hasChanged = next.state !== this.#state;
    this.#state = next.state;
    for (const effect of next.effects) {
      this.#carryOut(effect, event.type === "lost" ? event.reason : undefined);
      // A listener had another wish meanwhile, and all of that has been carried out.
      if (this.#state !== next.state) return;
    }
    if (!hasChanged) return;
    this.#watch();
    this.#events.onState(next.state);
  }

  /** Goes on with another connection; the answer is the one before. */
  adopt(link: Link): Link | undefined {
    const before = this.#link;
    this.#link = link;
    return before;
  }

  /** A connection is over, undefined: one that was never established. One that is not used any more changes nothing. */
  ended(link: Link | undefined, { code, reason }: LinkEnd): void {
    if (link !== this.#link) return;
    this.#events.onLost();
    if (link === this.#link) this.#lost(verdictOfClose(code), { code, message: reason });
  }

  #carryOut(effect: Effect, reason: ClosedReason | undefined): void {
    switch (effect.type) {
      case "open":
        return this.#open();
      case "wait":
        this.#cancelWait = this.#deps.settings.clock.after(effect.delayMs, () => this.handle({ type: "due" }));
        return;
      case "cancelWait":
        return this.#cancelWait?.();
      case "drop":
        return this.#drop(reason);
    }
  }

  #open(): void {
    let mine: Link | undefined;
    let windowMs = 0;
    this.#cancelOpening = this.#deps.opener.open(this.#deps.request(), {
      onEstablished: (result, link) => {
        mine = link;
        this.#link = link;
        this.#cancelOpening = undefined;
        this.#events.onEstablished(result, link);
        // A listener may have ended it.
        if (this.#link === link) this.handle({ type: "established" });
      },
      onRefused: (error) => this.#refused(error, windowMs),
      onPush: (push) => {
        // Told before a refusal, it is about the next try.
        if (mine === undefined) windowMs = push.kind === "window" ? push.window.ms : windowMs;
        else if (mine === this.#link) this.#events.onPush(push);
      },
      onEnd: (end) => this.ended(mine, end),
    });
  }

  #refused(error: ErrorReply, windowMs: number): void {
    const cannotRenew = needsNewToken(error.code) && !this.#deps.tokens.canRenew;
    this.#lost(cannotRenew ? "stop" : verdictOfConnectError(error), error, windowMs);
  }

  #lost(verdict: Verdict, { code, message }: ClosedReason, windowMs = 0): void {
    this.handle({ type: "lost", verdict, reason: { code, message }, windowMs });
  }

  #drop(reason: ClosedReason | undefined): void {
    this.#cancelOpening?.();
    this.#cancelOpening = undefined;
    const link = this.#link;
    this.#link = undefined;
    link?.close(1000, "disconnect");
    this.#events.onDown(reason);
  }

  /** Listens to the network while there is something to hear it for. */
  #watch(): void {
    const isIdle = this.#state.name === "disconnected" || this.#state.name === "closed";
    if (isIdle) {
      this.#unwatch?.();
      this.#unwatch = undefined;
      return;
    }
    const probe = (): void => this.#link?.probe();
    const retry = (): void => {
      probe();
      this.handle({ type: "online" });
    };
    this.#unwatch ??= watchNetwork(this.#deps.settings.environment, {
      onOnline: () => {
        this.#deps.choice.reset();
        retry();
      },
      onOffline: probe,
      onWake: retry,
    });
  }
}
