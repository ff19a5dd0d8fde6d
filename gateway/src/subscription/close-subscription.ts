import type { ClientConnection, Services } from "../handlers/services.ts";
import type { Subscription } from "./subscription.ts";

/** Takes a subscription off the connection and off the node, whatever state it is in. Safe to call twice. */
export function closeSubscription(connection: ClientConnection, subscription: Subscription, services: Services): void {
  if (subscription.state === "closed") return;
  const { channel, member } = subscription;
  subscription.state = "closed";
  if (connection.subscriptions.get(channel) === subscription) connection.subscriptions.delete(channel);
  if (member !== undefined) services.hub.leave(channel, member);
  subscription.inboxFeed?.close();
  if (subscription.isHeld) services.subscriptions.release(channel);
  if (subscription.presentAs !== undefined) services.presence.remove(channel, subscription.presentAs);
  if (subscription.announcedInfo !== undefined) {
    services.presence.announce({ channel, kind: "leave", info: subscription.announcedInfo });
  }
}
