/** Does on this node what any node's server API was asked for. */
import { CLOSE } from "@belay/protocol";
import {
  type ConnectionTarget,
  disconnectOrder,
  historyRemovedOrder,
  type RefreshOrder,
  refreshOrder,
  type SubscribeOrder,
  subscribeOrder,
  type UnsubscribeOrder,
  unsubscribeOrder,
} from "../node/client-orders.ts";
import { secondsUntil } from "../session/expiry.ts";
import type { ServerSubscription } from "../session/session.ts";
import { closeSubscription } from "../subscription/close-subscription.ts";
import { openSubscription } from "../subscription/open-subscription.ts";
import { Subscription } from "../subscription/subscription.ts";
import type { ClientConnection, Services } from "./services.ts";

export function obeyClientControl(services: Services): void {
  const { bus } = services;
  const connectionsOf = ({ user, client, session }: ConnectionTarget): readonly ClientConnection[] =>
    services.hub
      .clientsOf(user)
      .filter(
        (one) => (client === undefined || one.client === client) && (session === undefined || one.session === session),
      );

  bus.on("disconnect", (body) => {
    const order = disconnectOrder.safeParse(body).data;
    if (order === undefined) return;
    const { code, reason, whitelist } = order;
    for (const connection of connectionsOf(order)) {
      if (whitelist?.includes(connection.client) !== true) connection.close({ code, reason });
    }
  });
  bus.on("unsubscribe", (body) => {
    const order = unsubscribeOrder.safeParse(body).data;
    if (order === undefined) return;
    for (const connection of connectionsOf(order)) unsubscribe(connection, order, services);
  });
  bus.on("subscribe", (body) => {
    const order = subscribeOrder.safeParse(body).data;
    if (order === undefined) return;
    return Promise.all(connectionsOf(order).map((connection) => subscribe(connection, order, services)));
  });
  bus.on("historyRemoved", (body) => {
    const order = historyRemovedOrder.safeParse(body).data;
    if (order !== undefined) services.hub.forgetPast(order.channel);
  });
  bus.on("refresh", (body) => {
    const order = refreshOrder.safeParse(body).data;
    if (order === undefined) return;
    for (const connection of connectionsOf(order)) refresh(connection, order, services);
  });
}

/** An empty channel means all of them. */
function unsubscribe(connection: ClientConnection, order: UnsubscribeOrder, services: Services): void {
  const channels = order.channel === "" ? [...connection.subscriptions.keys()] : [order.channel];
  for (const channel of channels) {
    const subscription = connection.subscriptions.get(channel);
    if (subscription?.state !== "active") continue;
    closeSubscription(connection, subscription, services);
    connection.push({ kind: "unsubscribe", channel, code: order.code, reason: order.reason });
  }
}

function subscribe(connection: ClientConnection, order: SubscribeOrder, services: Services): Promise<void> {
  const { channel, recoverSince } = order;
  return connection.runForChannel(channel, async () => {
    const { identity } = connection;
    const lookup = services.channels().find(channel);
    if (identity === undefined || !lookup.ok || connection.subscriptions.has(channel)) return;
    const subscription = new Subscription({
      ...optionsOf(order),
      channel,
      namespace: lookup.namespace,
      isServerSide: true,
    });
    connection.subscriptions.set(channel, subscription);
    const since = recoverSince === undefined ? {} : { recover: true, ...recoverSince };
    const wants = { recoverable: true, positioned: true, joinLeave: true, ...since };
    const outcome = await openSubscription({ connection, subscription, identity, wants }, services);
    if (!outcome.ok || !connection.isOpen) return;
    const { publications = [], ...result } = outcome.result;
    connection.push({ kind: "subscribe", channel, result });
    // SDKs look for recovered publications in replies only, not in this push.
    for (const publication of publications) connection.push({ kind: "publication", channel, publication });
    outcome.activate();
  });
}

function optionsOf({ info, data, expiresAt, override }: SubscribeOrder): ServerSubscription {
  return {
    ...(info !== undefined && { info: Buffer.from(info, "base64") }),
    ...(data !== undefined && { data: Buffer.from(data, "base64") }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(override !== undefined && { override }),
  };
}

function refresh(connection: ClientConnection, order: RefreshOrder, { clock }: Services): void {
  const { identity } = connection;
  if (identity === undefined) return;
  if (order.isExpired) return connection.close(CLOSE.expired);
  const { expiresAt: _over, ...kept } = identity;
  connection.renew({
    ...kept,
    ...(order.expiresAt !== undefined && { expiresAt: order.expiresAt }),
    ...(order.info !== undefined && { connInfo: Buffer.from(order.info) }),
  });
  const ttl = order.expiresAt === undefined ? 0 : secondsUntil(order.expiresAt, clock);
  connection.push({ kind: "refresh", expires: order.expiresAt !== undefined, ttl });
}
