/** What a connection that has come from elsewhere has in the cluster from the moment at which it is this pod's. */
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { ClientConnection, Services } from "../handlers/services.ts";
import { clientInfoOf } from "../subscription/client-info-of.ts";
import type { Snapshot } from "./snapshot.ts";

/** Whatever ends the connection from now on removes its members and tells others. */
export function adoptPlaces(connection: ClientConnection, { identity, subscriptions }: Snapshot): void {
  for (const { channel, isPresent, announcedInfo } of subscriptions) {
    const subscription = connection.subscriptions.get(channel);
    if (subscription === undefined) continue;
    subscription.presentAs = isPresent ? identity.client : undefined;
    subscription.announcedInfo = announcedInfo;
  }
}

/** The members become this pod's: nobody sees them go or come. */
export async function takePresence(
  connection: ClientConnection,
  { identity, subscriptions }: Snapshot,
  { presence }: Pick<Services, "presence">,
): Promise<void> {
  const { client, user } = identity;
  // It may have gone on from here before the other pod was told.
  if (connection.handover?.isMoved === true) return;
  const taken = subscriptions.filter(({ isPresent }) => isPresent);
  await Promise.all(
    taken.map(async ({ channel, info, announcedInfo }) => {
      const member = { client, user, info: clientInfoOf(identity, info), tellsLeave: announcedInfo !== undefined };
      await presence.add(channel, member).catch(unlessAway);
      const isHere = connection.subscriptions.has(channel) || connection.handover?.isKept === true;
      if (isHere) return;
      presence.remove(channel, client);
    }),
  );
}

/** The keeper adds it when the broker is back. */
function unlessAway(error: unknown): void {
  if (!(error instanceof BrokerUnavailableError)) throw error;
}

/** Others were told the opposite. */
export function announcePlaces(
  { subscriptions }: Snapshot,
  kind: "join" | "leave",
  { presence }: Pick<Services, "presence">,
): void {
  for (const { channel, announcedInfo } of subscriptions)
    if (announcedInfo !== undefined) presence.announce({ channel, kind, info: announcedInfo });
}
