/** What a connection leaves in the cluster when its socket is gone and its place is kept: its members and what others were told of it. */
import type { ClientConnection, Services } from "../handlers/services.ts";
import type { Identity } from "../session/session.ts";
import { type SubscriptionSnapshot, subscriptionSnapshot } from "./snapshot.ts";

export interface KeptPlace {
  readonly identity: Identity;
  readonly subscriptions: readonly SubscriptionSnapshot[];
}

type WithSubscriptions = Pick<ClientConnection, "subscriptions">;

/** Takes the place off the connection: whatever closes its subscriptions now removes nothing and tells nobody. */
export function takePlace(connection: WithSubscriptions, identity: Identity): KeptPlace {
  const place = readPlace(connection, identity);
  for (const subscription of connection.subscriptions.values()) {
    // One that is being opened is not in the place: its end removes what it has.
    if (subscription.state !== "active") continue;
    subscription.presentAs = undefined;
    subscription.announcedInfo = undefined;
  }
  return place;
}

/** Only what the client was told of: what is being opened it asks for again. */
export function readPlace({ subscriptions }: WithSubscriptions, identity: Identity): KeptPlace {
  const active = [...subscriptions.values()].filter(({ state }) => state === "active");
  return { identity, subscriptions: active.map((subscription) => subscriptionSnapshot(subscription)) };
}

/** Nobody comes back: the place is given up as if the connection had closed now. */
export function giveUpPlace({ identity, subscriptions }: KeptPlace, services: Pick<Services, "presence">): void {
  for (const { channel, isPresent, announcedInfo } of subscriptions) {
    if (isPresent) services.presence.remove(channel, identity.client);
    if (announcedInfo !== undefined) services.presence.announce({ channel, kind: "leave", info: announcedInfo });
  }
}

/** The place is another pod's. */
export function handOverPlace({ identity, subscriptions }: KeptPlace, { presence }: Pick<Services, "presence">): void {
  for (const { channel, isPresent } of subscriptions) if (isPresent) presence.handOver(channel, identity.client);
}
