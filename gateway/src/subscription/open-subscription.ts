/** Makes a connection a subscriber: the same steps for a command, for connect and for the server API. */
import { ERROR, type SubscribeResult } from "@belay/protocol";
import { BrokerUnavailableError, type Position } from "../broker/broker.ts";
import type { Services } from "../handlers/services.ts";
import type { Member } from "../hub/member.ts";
import { clientInfoOf } from "./client-info-of.ts";
import { closeSubscription } from "./close-subscription.ts";
import type { Subscription } from "./subscription.ts";
import { type OpenOutcome, type OpenRequest, shownTtl } from "./opening.ts";
import { openInboxChannel } from "./open-inbox-channel.ts";
import { type Catchup, readCatchup } from "./catchup.ts";

/** The subscription is closed again where the outcome is not ok. Rejections are bugs. */
export async function openSubscription(request: OpenRequest, services: Services): Promise<OpenOutcome> {
  const { connection, subscription } = request;
  try {
    const outcome = await open(request, services);
    if (!outcome.ok) closeSubscription(connection, subscription, services);
    return outcome;
  } catch (error) {
    closeSubscription(connection, subscription, services);
    if (error instanceof BrokerUnavailableError) return { ok: false, error: ERROR.internal };
    throw error;
  }
}

async function open(request: OpenRequest, services: Services): Promise<OpenOutcome> {
  const { subscription, identity, wants, isContinued = false } = request;
  const { channel, namespace } = subscription;
  subscription.wants = wants;
  if (namespace.inbox) return openInboxChannel(request, services);
  const mode = modeOf(request);
  subscription.isHeld = true;
  await services.subscriptions.hold(channel);
  // A connection that closed meanwhile has closed its subscriptions.
  if (subscription.state === "closed") return { ok: false, error: ERROR.internal };
  subscription.member = join(request, mode, services);
  // Half of what may be queued: JSON and Protobuf add to the data, and there may be more in the queue.
  const maxBytes = services.settings.current.config.limits.maxOutboundBytes / 2;
  const catchup = await readCatchup({ namespace, wants, maxBytes, ...mode }, (past) =>
    services.hub.past(channel, past),
  );
  if (!isContinued && subscription.setting("presence")) {
    subscription.presentAs = identity.client;
    const info = clientInfoOf(identity, subscription.options.info);
    const tellsLeave = tellsJoinLeave(subscription);
    await services.presence.add(channel, { client: identity.client, user: identity.user, info, tellsLeave });
  }
  if (subscription.state !== "opening") return { ok: false, error: ERROR.internal };
  if (wants.rejectUnrecovered === true && catchup.recovered === false) {
    return { ok: false, error: ERROR.unrecoverablePosition };
  }
  return {
    ok: true,
    result: resultOf(request, mode, catchup, services),
    activate: () => activate(request, { isPositioned: mode.isPositioned, position: catchup.position }, services),
  };
}

interface SubscriptionMode {
  readonly isPositioned: boolean;
  readonly isRecoverable: boolean;
  readonly isDeltaStream: boolean;
  /** The client may continue elsewhere, and finds its place by it (E1). */
  readonly showsPlaces: boolean;
}

function modeOf({ connection, subscription, wants, filter }: OpenRequest): SubscriptionMode {
  const { namespace } = subscription;
  const hasHistory = namespace.history !== undefined;
  const isRecoverable = hasHistory && (wants.recoverable === true || subscription.setting("forceRecovery"));
  const wantsPosition = wants.positioned === true || subscription.setting("forcePositioning");
  return {
    isRecoverable,
    isPositioned: isRecoverable || (hasHistory && wantsPosition),
    // A patch needs the publication before it, which a filter may have kept back.
    isDeltaStream: namespace.delta && wants.delta === "fossil" && filter === undefined,
    showsPlaces: connection.handover !== undefined,
  };
}

function join(
  { connection, subscription, wants, filter }: OpenRequest,
  mode: SubscriptionMode,
  services: Services,
): Member {
  const { channel } = subscription;
  const mayHear = subscription.setting("joinLeave") && wants.joinLeave === true;
  return services.hub.join(channel, {
    sink: connection.sink,
    codec: connection.codec,
    isDeltaStream: mode.isDeltaStream,
    joinLeave: mayHear || subscription.setting("forceJoinLeave"),
    showsPlaces: mode.showsPlaces,
    ...(filter !== undefined && { filter }),
    ...(mode.isPositioned && {
      onInsufficient: () => connection.endSubscription(channel, "insufficientState"),
    }),
  });
}

function resultOf(
  { subscription, wants, filter }: OpenRequest,
  mode: SubscriptionMode,
  catchup: Catchup,
  services: Services,
): SubscribeResult {
  const { position, recovered, publications } = catchup;
  const shown =
    filter === undefined ? publications : publications.filter(({ tags }) => filter(Object.fromEntries(tags ?? [])));
  const ttl = shownTtl(subscription, services);
  return {
    ...(mode.isRecoverable && { recoverable: true }),
    ...(mode.isPositioned && { positioned: true }),
    ...(position !== undefined && { epoch: position.epoch, offset: position.offset }),
    ...(wants.recover === true && { recovered: recovered === true, wasRecovering: true }),
    ...(shown.length > 0 && { publications: shown }),
    ...(mode.isDeltaStream && { delta: true }),
    ...(subscription.options.data !== undefined && { data: subscription.options.data }),
    ...(ttl !== undefined && { expires: true, ttl }),
  };
}

function activate(
  { connection, subscription, identity, isContinued = false }: OpenRequest,
  { isPositioned, position }: { readonly isPositioned: boolean; readonly position: Position | undefined },
  services: Services,
): void {
  const { channel, member } = subscription;
  if (subscription.state !== "opening" || member === undefined) return;
  subscription.state = "active";
  if (isPositioned && position !== undefined) services.hub.room(channel)?.expectAfter(position);
  member.activate(position);
  connection.watchExpiry(subscription);
  if (!isContinued && tellsJoinLeave(subscription)) {
    subscription.announcedInfo = clientInfoOf(identity, subscription.options.info);
    services.presence.announce({ channel, kind: "join", info: subscription.announcedInfo });
  }
}

function tellsJoinLeave(subscription: Subscription): boolean {
  return subscription.setting("joinLeave") || subscription.setting("forceJoinLeave");
}
