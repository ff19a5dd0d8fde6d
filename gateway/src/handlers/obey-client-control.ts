/** Does on this node what any node's server API was asked for. */
import { CLOSE } from "@belay/protocol";
import type { z } from "zod";
import {
  connectionTarget,
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
import type { KeptOrder } from "../session/movable.ts";
import type { ServerSubscription } from "../session/session.ts";
import { closeSubscription } from "../subscription/close-subscription.ts";
import { openSubscription } from "../subscription/open-subscription.ts";
import { Subscription } from "../subscription/subscription.ts";
import type { ClientConnection, Services } from "./services.ts";

export function obeyClientControl(services: Services): void {
  const { bus } = services;
  for (const kind of ORDERS.keys()) bus.on(kind, (body) => obey({ kind, body }, services));
  bus.on("historyRemoved", (body) => {
    const order = historyRemovedOrder.safeParse(body).data;
    if (order !== undefined) services.hub.forgetPast(order.channel);
  });
}

/** Carries an order out, or keeps it for the pod that takes the client (HND6). */
async function obey(order: KeptOrder, services: Services): Promise<void> {
  const target = connectionTarget.safeParse(order.body).data;
  if (target === undefined) return;
  const { user, client, session, whitelist } = target;
  const isMeant = (one: { readonly client: string; readonly session?: string }): boolean =>
    (client === undefined || one.client === client) &&
    (session === undefined || one.session === session) &&
    whitelist?.includes(one.client) !== true;
  for (const away of services.takeovers.awayOf(user)) {
    if (!isMeant(away.entry)) continue;
    away.keep(order);
    if (order.kind === "disconnect") away.end("ordered");
  }
  const meant = services.hub.clientsOf(user).filter(isMeant);
  await Promise.all(meant.map((connection) => carryOut(connection, order, services)));
}

/** What an order asks of one connection, here or where its client is by now. A body that is none is ignored. */
export async function carryOut(connection: ClientConnection, order: KeptOrder, services: Services): Promise<void> {
  const isElsewhere = connection.handover?.keep(order) === true;
  if (!connection.isOpen) {
    if (order.kind === "disconnect") connection.handover?.end("ordered");
  } else if (!isElsewhere || order.kind === "disconnect") {
    await ORDERS.get(order.kind)?.(connection, order.body, services);
  }
}

type CarryOut = (connection: ClientConnection, body: unknown, services: Services) => Promise<void> | void;

const ORDERS: ReadonlyMap<string, CarryOut> = new Map([
  ["disconnect", ordering(disconnectOrder, (connection, { code, reason }) => connection.close({ code, reason }))],
  ["unsubscribe", ordering(unsubscribeOrder, unsubscribe)],
  ["subscribe", ordering(subscribeOrder, subscribe)],
  ["refresh", ordering(refreshOrder, refresh)],
]);

function ordering<O>(
  schema: z.ZodType<O>,
  act: (connection: ClientConnection, order: O, services: Services) => Promise<void> | void,
): CarryOut {
  return (connection, body, services) => {
    const order = schema.safeParse(body).data;
    return order === undefined ? undefined : act(connection, order, services);
  };
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
