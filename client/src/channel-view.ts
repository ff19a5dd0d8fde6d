import type { Client } from "./client.ts";
import { holdSubscription } from "./held-subscription.ts";
import type { Publication } from "./publication.ts";
import type { Reset } from "./sequencer.ts";
import type { Subscription, SubscriptionStateName } from "./subscription.ts";
import type { SubscriptionOptions } from "./subscription-options.ts";
import { type Change, LiveView, type View } from "./view.ts";

export interface ChannelSnapshot<Data> {
  readonly state: SubscriptionStateName;
  /** The oldest first. */
  readonly publications: readonly Publication<Data>[];
  /** Why the subscription has ended, or what went wrong and is tried again. */
  readonly error?: Error;
  /** The newest loss of publications that could not be filled in. */
  readonly reset?: Reset;
}

export interface ChannelViewOptions<Data = unknown> extends SubscriptionOptions {
  /** Called with each publication that arrives while somebody listens, once and in order. */
  readonly onPublication?: (publication: Publication<Data>) => void;
  /** At most so many publications are shown, the newest. Default 100. */
  readonly limit?: number;
  /** Begins with the newest publications of the channel's history, and loads them again after a reset. */
  readonly withHistory?: boolean;
}

const DEFAULT_LIMIT = 100;

export function emptyChannel<Data>(): ChannelSnapshot<Data> {
  return EMPTY;
}

const EMPTY: ChannelSnapshot<never> = { state: "unsubscribed", publications: [] };

/** A channel's newest publications, subscribed for as long as somebody listens. */
export function channelView<Data>(
  client: Client,
  channel: string,
  options: ChannelViewOptions<Data> = {},
): View<ChannelSnapshot<Data>> {
  const { limit = DEFAULT_LIMIT, withHistory = false, onPublication, ...subscriptionOptions } = options;
  return new LiveView<ChannelSnapshot<Data>>(EMPTY, (change) => {
    const { subscription, release } = holdSubscription<Data>(client, channel, subscriptionOptions);
    const history = withHistory ? new Backlog(subscription, limit, change) : undefined;
    const unlisten = [
      subscription.on("publication", (publication) => {
        change((before) => ({ ...before, publications: newest([...before.publications, publication], limit) }));
        onPublication?.(publication);
      }),
      subscription.on("state", (state) => {
        change((before) => shown(before, subscription));
        if (state.name === "subscribed") history?.begin();
      }),
      subscription.on("error", (error) => change((before) => ({ ...before, error }))),
      subscription.on("reset", (reset) => {
        // Of another epoch nothing that is shown is there any more.
        change((before) => ({ ...before, reset, ...(reset.reason === "epoch" && { publications: [] }) }));
        history?.loadAgain();
      }),
    ];
    change(() => shown(EMPTY, subscription));
    if (subscription.state.name === "subscribed") history?.begin();
    return () => {
      history?.stop();
      for (const each of unlisten) each();
      release();
    };
  });
}

function shown<Data>(before: ChannelSnapshot<Data>, { state }: Subscription<Data>): ChannelSnapshot<Data> {
  const { error: _, ...rest } = before;
  return { ...rest, state: state.name, ...(state.error !== undefined && { error: state.error }) };
}

function newest<T>(list: readonly T[], limit: number): readonly T[] {
  return list.length > limit ? list.slice(-limit) : list;
}

/** What was published before anybody looked. */
class Backlog<Data> {
  readonly #subscription: Subscription<Data>;
  readonly #limit: number;
  readonly #change: Change<ChannelSnapshot<Data>>;
  #hasBegun = false;
  /** Grows where an answer under way is of no use any more. */
  #turn = 0;

  constructor(subscription: Subscription<Data>, limit: number, change: Change<ChannelSnapshot<Data>>) {
    this.#subscription = subscription;
    this.#limit = limit;
    this.#change = change;
  }

  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.loadAgain();
  }

  stop(): void {
    this.#turn += 1;
  }

  loadAgain(): void {
    void this.#load();
  }

  async #load(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const { publications } = await this.#subscription.history({ limit: this.#limit, reverse: true });
      if (turn === this.#turn) this.#show(publications.toReversed());
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#hasBegun = false;
      this.#change((before) => ({ ...before, error: error as Error }));
    }
  }

  /** What came meanwhile is newer, and may be in both. */
  #show(loaded: readonly Publication<Data>[]): void {
    const last = loaded.at(-1)?.offset ?? 0;
    this.#change((before) => {
      const live = before.publications.filter(({ offset }) => offset === undefined || offset > last);
      return { ...before, publications: newest([...loaded, ...live], this.#limit) };
    });
  }
}
