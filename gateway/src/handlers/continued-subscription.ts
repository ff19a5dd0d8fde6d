import { ERROR, type StreamPosition, type SubscribeRequest, type UnsubscribeName } from "@belay/protocol";
import type { Namespace } from "../channels/namespace.ts";
import type { Identity } from "../session/session.ts";
import { openSubscription } from "../subscription/open-subscription.ts";
import type { OpenOutcome } from "../subscription/opening.ts";
import { Subscription } from "../subscription/subscription.ts";
import type { SubscriptionSnapshot } from "../takeover/snapshot.ts";
import { filterOf } from "./tags-filter-of.ts";
import type { ClientConnection, Services } from "./services.ts";

/** A subscription that goes on here. */
export interface ContinuedSubscription {
  readonly channel: string;
  readonly outcome: OpenOutcome;
  /** Behind which this connection delivers. */
  readonly place?: StreamPosition | undefined;
  /** Why it does not go on. */
  readonly refusal?: UnsubscribeName;
}

interface ContinueRequest {
  readonly connection: ClientConnection;
  readonly identity: Identity;
  readonly kept: SubscriptionSnapshot;
  /** Nothing more comes from the other end. */
  readonly isResumed: boolean;
  /** Where the client stands. */
  readonly since: StreamPosition | undefined;
}

/** As the other pod had it; the rules are those of now. */
export async function openContinued(request: ContinueRequest, services: Services): Promise<ContinuedSubscription> {
  const { connection, identity, kept, since } = request;
  const { channel, isServerSide, wants: asked, isPresent: _p, announcedInfo: _a, ...granted } = kept;
  const lookup = services.channels().find(channel);
  const filter = lookup.ok ? filterOf(asked, lookup.namespace) : undefined;
  if (!lookup.ok || (filter !== undefined && "error" in filter)) {
    return { channel, outcome: { ok: false, error: ERROR.unknownChannel }, refusal: "server" };
  }
  const { namespace } = lookup;
  const subscription = new Subscription({ ...granted, channel, namespace, isServerSide });
  connection.subscriptions.set(channel, subscription);
  const wants = wantsOf(request, namespace);
  const outcome = await openSubscription(
    {
      connection,
      subscription,
      identity,
      wants,
      isContinued: true,
      ...(filter !== undefined && { filter: filter.accepts }),
    },
    services,
  );
  return { channel, outcome, place: outcome.ok ? placeOf(outcome, since) : undefined };
}

/** While the other end delivers, what lies between is its part. An inbox has no parts: both ends read it. */
function wantsOf({ kept, isResumed, since }: ContinueRequest, { inbox, history }: Namespace): SubscribeRequest {
  const recovers = since !== undefined && (inbox || (isResumed && history !== undefined));
  return recovers ? { ...kept.wants, recover: true, ...since } : kept.wants;
}

/** What is filled in begins where the client stands. */
function placeOf(
  { result }: Extract<OpenOutcome, { ok: true }>,
  since: StreamPosition | undefined,
): StreamPosition | undefined {
  const { epoch, offset, recovered } = result;
  if (recovered === true && since !== undefined && since.epoch === epoch) return since;
  return epoch === undefined ? undefined : { epoch, offset: offset ?? 0 };
}
