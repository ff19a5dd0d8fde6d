import { channelProblem, ERROR, type ErrorReply, type SubscribeCommand, type TagsPredicate } from "@belay/protocol";
import type { ChannelLookup } from "../channels/namespace.ts";
import { isClosedTo, refusalOf } from "../channels/permissions.ts";
import { hookClientOf } from "../hooks/hook-client.ts";
import type { Identity, ServerSubscription } from "../session/session.ts";
import { closeSubscription } from "../subscription/close-subscription.ts";
import { openSubscription } from "../subscription/open-subscription.ts";
import { Subscription } from "../subscription/subscription.ts";
import { lookupRefusal } from "../channels/lookup-refusal.ts";
import { filterOf } from "./tags-filter-of.ts";
import type { ClientConnection, Handler, Services } from "./services.ts";

type Found = Extract<ChannelLookup, { ok: true }>;

export const subscribe: Handler<SubscribeCommand> = (connection, command, services) => {
  const { id, channel } = command;
  const { identity } = connection;
  const problem = channelProblem(channel);
  if (identity === undefined || problem !== undefined) {
    connection.replyError(id, { ...ERROR.badRequest, ...(problem !== undefined && { message: problem }) });
    return undefined;
  }
  const lookup = services.channels().find(channel);
  const refusal = refuseEarly(connection, command, lookup, services);
  if (refusal !== undefined || !lookup.ok) {
    connection.replyError(id, refusal ?? ERROR.unknownChannel);
    return undefined;
  }
  return subscribeTo({ connection, command, identity, lookup }, services);
};

/** What needs nobody to be asked. */
export function refuseEarly(
  connection: ClientConnection,
  { channel, type = 0 }: SubscribeCommand,
  lookup: ChannelLookup,
  services: Services,
): ErrorReply | undefined {
  if (connection.subscriptions.has(channel)) return ERROR.alreadySubscribed;
  if (connection.subscriptions.size >= services.settings.current.config.limits.maxChannelsPerConnection) {
    return ERROR.limitExceeded;
  }
  if (!lookup.ok) return lookupRefusal(lookup);
  if (type !== 0) return ERROR.notAvailable;
  const { payload, maxSubscribers } = lookup.namespace;
  if (payload === "binary" && connection.codec.name === "json") return ERROR.notAvailable;
  if (maxSubscribers !== undefined && services.hub.subscriberCount(channel) >= maxSubscribers)
    return ERROR.limitExceeded;
  return undefined;
}

export interface Subscribing {
  readonly connection: ClientConnection;
  readonly command: SubscribeCommand;
  readonly identity: Identity;
  readonly lookup: Found;
}

async function subscribeTo(subscribing: Subscribing, services: Services): Promise<void> {
  const { connection, command, lookup } = subscribing;
  const { id, channel } = command;
  const filter = filterOf(command, lookup.namespace);
  if (filter !== undefined && "error" in filter) return connection.replyError(id, filter.error);
  // In the map before anybody is asked, so that limits count it.
  const opening = new Subscription({ channel, namespace: lookup.namespace, isServerSide: false });
  connection.subscriptions.set(channel, opening);
  const allowed = await authorize(subscribing, services);
  if (opening.state === "closed") return;
  closeSubscription(connection, opening, services);
  if ("error" in allowed) return connection.replyError(id, allowed.error);
  if ("close" in allowed) return connection.close(allowed.close);
  await open({ ...subscribing, options: allowed, filter: filter?.accepts }, services);
}

async function open(
  {
    connection,
    command,
    identity,
    lookup,
    options,
    filter,
  }: Subscribing & { readonly options: ServerSubscription; readonly filter: TagsPredicate | undefined },
  services: Services,
): Promise<void> {
  const { id, channel } = command;
  const subscription = new Subscription({ ...options, channel, namespace: lookup.namespace, isServerSide: false });
  connection.subscriptions.set(channel, subscription);
  const outcome = await openSubscription(
    { connection, subscription, identity, wants: command, ...(filter !== undefined && { filter }) },
    services,
  );
  if (!connection.isOpen) return;
  if (!outcome.ok) return connection.replyError(id, outcome.error);
  connection.reply({ kind: "subscribe", id, result: outcome.result });
  outcome.activate();
}

export type Allowed =
  | ServerSubscription
  | { readonly error: ErrorReply }
  | { readonly close: { code: number; reason: string } };

/** By the subscription token, else by the hook where the namespace asks it, else by the namespace's permissions. */
export async function authorize(subscribing: Subscribing, services: Services): Promise<Allowed> {
  const { connection, command, identity, lookup } = subscribing;
  const { channel, token = "", data } = command;
  const { user, client } = identity;
  const hasToken = token !== "";
  let claims: ServerSubscription = {};
  if (hasToken) {
    const verdict = await services.verifier.verifySubscription(token, { channel, user, client });
    if (!verdict.ok) return verdict.refusal;
    claims = verdict.claims;
  } else if (lookup.namespace.hooks.subscribe) {
    if (isClosedTo(identity, lookup)) return { error: ERROR.permissionDenied };
    const answer = await services.hooks.subscribe({
      client: hookClientOf(connection, identity),
      channel,
      ...(data !== undefined && { data: Buffer.from(data) }),
    });
    return answer.ok ? answer.subscription : answer;
  }
  const request = { operation: "subscribe", channel, lookup, identity, isSubscribed: false } as const;
  const refusal = refusalOf({ ...request, hasSubscriptionToken: hasToken });
  return refusal === undefined ? claims : { error: refusal };
}
