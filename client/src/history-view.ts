import type { Client } from "./client.ts";
import type { Unlisten } from "./emitter.ts";
import type { StreamPosition } from "./messages.ts";
import type { Publication } from "./publication.ts";
import type { History, HistoryOptions } from "./subscription.ts";
import { type Change, LiveView, type View } from "./view.ts";

export interface HistorySnapshot<Data> {
  /** In the order that was asked for. */
  readonly publications: readonly Publication<Data>[];
  readonly isLoading: boolean;
  /** Place of the newest publication of the channel. */
  readonly position?: StreamPosition;
  readonly error?: Error;
}

/** A view that is loaded once, and again when it is told to. */
export interface HistoryView<Data> extends View<HistorySnapshot<Data>> {
  reload(): void;
}

const EMPTY: HistorySnapshot<never> = { publications: [], isLoading: true };

export function emptyHistory<Data>(): HistorySnapshot<Data> {
  return EMPTY;
}

/** A channel's history as it was when it was asked for. Needs no subscription. */
export function historyView<Data>(client: Client, channel: string, options: HistoryOptions = {}): HistoryView<Data> {
  return new LoadedHistory(() => client.history(channel, options) as Promise<History<Data>>);
}

class LoadedHistory<Data> implements HistoryView<Data> {
  readonly #load: () => Promise<History<Data>>;
  readonly #view: LiveView<HistorySnapshot<Data>>;
  #change: Change<HistorySnapshot<Data>> | undefined;

  constructor(load: () => Promise<History<Data>>) {
    this.#load = load;
    this.#view = new LiveView<HistorySnapshot<Data>>(EMPTY, (change) => {
      this.#change = change;
      void this.#show(change);
      return () => (this.#change = undefined);
    });
  }

  get snapshot(): HistorySnapshot<Data> {
    return this.#view.snapshot;
  }

  listen(onChange: () => void): Unlisten {
    return this.#view.listen(onChange);
  }

  reload(): void {
    if (this.#change === undefined) return;
    // Another function: the answer to the one before is of no use any more.
    const change = this.#change;
    this.#change = (next) => change(next);
    void this.#show(this.#change);
  }

  async #show(change: Change<HistorySnapshot<Data>>): Promise<void> {
    change((before) => (before.isLoading ? before : { ...before, isLoading: true }));
    const loaded = await this.#loaded();
    if (change === this.#change) change((before) => loaded(before));
  }

  async #loaded(): Promise<(before: HistorySnapshot<Data>) => HistorySnapshot<Data>> {
    try {
      const { publications, epoch, offset } = await this.#load();
      return () => ({ publications, position: { epoch, offset }, isLoading: false });
    } catch (error) {
      return (before) => ({ ...before, error: error as Error, isLoading: false });
    }
  }
}
