/** A subscription of a channel whose namespace has inboxes: the client reads the inbox of its own user. */
import { ERROR, type ErrorReply, type SubscribeResult } from "@belay/protocol";
import type { Position } from "../broker/broker.ts";
import { toPublication } from "../hub/client-info.ts";
import type { OpenedFeed } from "../inbox/inbox-desk.ts";
import type { Services } from "../handlers/services.ts";
import { type OpenOutcome, type OpenRequest, shownTtl } from "./opening.ts";

/** Rejects with BrokerUnavailableError. */
export async function openInboxChannel(request: OpenRequest, services: Services): Promise<OpenOutcome> {
  const refusal = refusalOf(request, services);
  if (refusal !== undefined) return { ok: false, error: refusal };
  const opened = await openFeed(request, services);
  if (request.subscription.state !== "opening") return { ok: false, error: ERROR.internal };
  const isRecovered = opened.isSinceKnown && !opened.hasLost;
  const { recover, rejectUnrecovered } = request.wants;
  if (rejectUnrecovered === true && recover === true && !isRecovered) {
    return { ok: false, error: ERROR.unrecoverablePosition };
  }
  return {
    ok: true,
    result: resultOf(request, opened.position, isRecovered, services),
    activate: () => activate(request, opened),
  };
}

function refusalOf({ subscription, identity }: OpenRequest, { channels, inbox }: Services): ErrorReply | undefined {
  const lookup = channels().find(subscription.channel);
  // Whatever a token says of the channel: nobody reads somebody else's inbox.
  const isNamed = identity.user !== "" && lookup.ok && lookup.users?.has(identity.user) === true;
  if (!isNamed) return ERROR.permissionDenied;
  return inbox.isEnabled ? undefined : ERROR.notAvailable;
}

function openFeed(request: OpenRequest, { inbox }: Services): Promise<OpenedFeed> {
  const { connection, subscription, identity } = request;
  const { channel } = subscription;
  const since = sinceOf(request);
  return inbox.open({
    user: identity.user,
    group: connection.inboxFeed?.group ?? "",
    ...(since !== undefined && { since }),
    reader: {
      queuedBytes: () => connection.queuedBytes,
      deliver: ({ position, ...message }) =>
        connection.push({
          kind: "publication",
          channel,
          publication: toPublication({ ...message, offset: position.offset }),
        }),
      // The client was told another epoch, and has no way to learn of this one but to subscribe again.
      onEpoch: () => connection.endSubscription(channel, "insufficientState"),
    },
  });
}

function sinceOf({ wants }: OpenRequest): Position | undefined {
  const { recover, epoch = "", offset = 0 } = wants;
  return recover === true && epoch !== "" ? { epoch, offset } : undefined;
}

function resultOf(
  { subscription, wants }: OpenRequest,
  { epoch, offset }: Position,
  isRecovered: boolean,
  services: Services,
): SubscribeResult {
  const ttl = shownTtl(subscription, services);
  const { data } = subscription.options;
  return {
    recoverable: true,
    positioned: true,
    epoch,
    offset,
    ...(wants.recover === true && { recovered: isRecovered, wasRecovering: true }),
    ...(data !== undefined && { data }),
    ...(ttl !== undefined && { expires: true, ttl }),
  };
}

function activate({ connection, subscription }: OpenRequest, { feed }: OpenedFeed): void {
  if (subscription.state !== "opening") return;
  subscription.state = "active";
  subscription.inboxFeed = feed;
  connection.watchExpiry(subscription);
  feed.begin();
}
