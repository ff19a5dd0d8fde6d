import type { Client } from "./client.ts";
import { holdSubscription } from "./held-subscription.ts";
import type { ClientInfo } from "./messages.ts";
import type { Subscription } from "./subscription.ts";
import type { SubscriptionOptions } from "./subscription-options.ts";
import { type Change, LiveView, type View } from "./view.ts";

export interface PresenceSnapshot {
  /** By client; a user may have several. */
  readonly clients: ReadonlyMap<string, ClientInfo>;
  readonly isLoaded: boolean;
  readonly error?: Error;
}

const EMPTY: PresenceSnapshot = { clients: new Map(), isLoaded: false };

export function emptyPresence(): PresenceSnapshot {
  return EMPTY;
}

/** Who is in a channel: asked for when subscribed, then kept up by those who come and go. */
export function presenceView(
  client: Client,
  channel: string,
  options: SubscriptionOptions = {},
): View<PresenceSnapshot> {
  return new LiveView(EMPTY, (change) => {
    const { subscription, release } = holdSubscription(client, channel, { ...options, joinLeave: true });
    const roll = new Roll(subscription, change);
    let wasMoving = false;
    const unlisten = [
      // Who came and went in the middle of a move is not told for sure.
      client.on("state", ({ name }) => {
        if (wasMoving && name === "connected") void roll.load();
        wasMoving = name === "migrating";
      }),
      subscription.on("state", ({ name }) => name === "subscribed" && void roll.load()),
      subscription.on("join", (info) => roll.change((clients) => clients.set(info.client, info))),
      subscription.on("leave", (info) => roll.change((clients) => clients.delete(info.client))),
    ];
    if (subscription.state.name === "subscribed") void roll.load();
    return () => {
      roll.stop();
      for (const each of unlisten) each();
      release();
    };
  });
}

type Move = (clients: Map<string, ClientInfo>) => void;

class Roll {
  readonly #subscription: Subscription;
  readonly #change: Change<PresenceSnapshot>;
  /** Who came and went while the answer is under way: it may be older, or newer. */
  #moves: Move[] | undefined;
  /** Grows where an answer under way is of no use any more. */
  #turn = 0;

  constructor(subscription: Subscription, change: Change<PresenceSnapshot>) {
    this.#subscription = subscription;
    this.#change = change;
  }

  async load(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.#moves = [];
    try {
      const clients = await this.#subscription.presence();
      if (turn !== this.#turn) return;
      const moves = this.#moves;
      this.#moves = undefined;
      this.#change(() => ({ clients: after(clients, moves), isLoaded: true }));
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#moves = undefined;
      this.#change((before) => ({ ...before, error: error as Error }));
    }
  }

  change(move: Move): void {
    this.#moves?.push(move);
    this.#change((before) => ({ ...before, clients: after(before.clients, [move]) }));
  }

  stop(): void {
    this.#turn += 1;
  }
}

function after(clients: ReadonlyMap<string, ClientInfo>, moves: readonly Move[]): ReadonlyMap<string, ClientInfo> {
  const changed = new Map(clients);
  for (const move of moves) move(changed);
  return changed;
}
