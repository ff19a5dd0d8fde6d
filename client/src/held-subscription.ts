import type { Client } from "./client.ts";
import type { Subscription } from "./subscription.ts";
import type { SubscriptionOptions } from "./subscription-options.ts";

export interface HeldSubscription<Data> {
  readonly subscription: Subscription<Data>;
  /** Safe to call again. */
  readonly release: () => void;
}

interface Hold {
  count: number;
  /** The application subscribed by itself, and is the one to end it. */
  readonly isForeign: boolean;
}

const holdsOfClients = new WeakMap<Client, Map<string, Hold>>();

/** A channel's subscription for as long as anybody holds it: many parts of a page may show the same channel. */
export function holdSubscription<Data>(
  client: Client,
  channel: string,
  options: SubscriptionOptions,
): HeldSubscription<Data> {
  const holds = holdsOfClients.get(client) ?? new Map<string, Hold>();
  holdsOfClients.set(client, holds);
  const subscription = client.channel(channel, options) as Subscription<Data>;
  const hold = holds.get(channel) ?? { count: 0, isForeign: subscription.state.name !== "unsubscribed" };
  holds.set(channel, hold);
  hold.count += 1;
  subscription.subscribe();
  let isHeld = true;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    hold.count -= 1;
    if (hold.count > 0 || holds.get(channel) !== hold) return;
    holds.delete(channel);
    if (!hold.isForeign) client.removeChannel(channel);
  };
  return { subscription, release };
}
