/** A client that comes with the secret of another connection goes on where that one is or was (HND1–HND5). */
import {
  CLOSE,
  type CloseReason,
  type ConnectCommand,
  type ContinuedSession,
  type StreamPosition,
  UNSUBSCRIBE,
} from "@belay/protocol";
import { type ArrivalOutcome, Arriving } from "../takeover/arriving.ts";
import { adoptPlaces, announcePlaces, takePresence } from "../takeover/adopted-place.ts";
import { podOfSession } from "../takeover/secret.ts";
import type { Snapshot } from "../takeover/snapshot.ts";
import type { Identity } from "../session/session.ts";
import { closeSubscription } from "../subscription/close-subscription.ts";
import { type ConnectedInbox, connectInbox, inboxAsked } from "./connect-inbox.ts";
import { connectResult } from "./connect-result.ts";
import { type ContinuedSubscription, openContinued } from "./continued-subscription.ts";
import type { ClientConnection, Services } from "./services.ts";

export interface Continuing {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  readonly continued: ContinuedSession;
}

interface Opened {
  readonly snapshot: Snapshot;
  readonly subscriptions: readonly ContinuedSubscription[];
  readonly inbox: ConnectedInbox | undefined;
}

/** `fresh`: it is connected like any other client. */
export async function continueConnection(continuing: Continuing, services: Services): Promise<ArrivalOutcome> {
  const { connection, continued } = continuing;
  const podUid = podOfSession(continued.session);
  if (podUid === undefined) {
    services.takeovers.count("refused");
    return "fresh";
  }
  let opened: Opened | undefined;
  const arriving = new Arriving({
    services,
    connection,
    podUid,
    continued,
    takeover: services.newClientId(),
    steps: {
      open: async (snapshot) => {
        opened = await open(continuing, snapshot, services);
      },
      accept: () => {
        if (opened !== undefined) accept(continuing, opened, services);
      },
      adopt: (snapshot) => adoptPlaces(connection, snapshot),
      takePresence: (snapshot) => takePresence(connection, snapshot, services),
      announce: (snapshot, kind) => announcePlaces(snapshot, kind, services),
    },
  });
  connection.arrival = arriving;
  const outcome = await arriving.run();
  if (outcome === "fresh") {
    connection.arrival = undefined;
    for (const subscription of connection.subscriptions.values()) closeSubscription(connection, subscription, services);
    opened?.inbox?.feed.close();
  }
  return outcome;
}

async function open(continuing: Continuing, snapshot: Snapshot, services: Services): Promise<Opened> {
  const { connection, command, continued } = continuing;
  const { identity, subscriptions, isResumed } = snapshot;
  const opening = subscriptions.map((kept) =>
    openContinued({ connection, identity, kept, isResumed, since: continued.positions.get(kept.channel) }, services),
  );
  const asked = inboxAsked(command, identity.user, services);
  const connected = asked && (await connectInbox(connection, identity.user, asked, services));
  const opened = await Promise.all(opening);
  // Without its inbox the client would wait for what never comes.
  if (connected !== undefined && "error" in connected) connection.close(CLOSE.serverError);
  const inbox = connected !== undefined && "feed" in connected ? connected : undefined;
  return { snapshot, subscriptions: opened, inbox };
}

function accept(continuing: Continuing, opened: Opened, services: Services): void {
  const { connection, command } = continuing;
  const { snapshot, subscriptions, inbox } = opened;
  const { identity } = snapshot;
  if (!connection.isOpen) return;
  const refusal = refusalOf(connection, identity, services);
  if (refusal !== undefined) return connection.close(refusal);
  connection.inboxFeed = inbox?.feed;
  const result = connectResult({ connection, command, identity, inbox, moved: placesOf(subscriptions) }, services);
  connection.accept(identity, { kind: "connect", id: command.id, result });
  for (const subscription of subscriptions) begin(connection, subscription);
  if (connection.isOpen) inbox?.feed.begin();
}

/** All of it may have come since the other pod let the client in. */
function refusalOf(
  { socket }: ClientConnection,
  identity: Identity,
  { isGateClosed, revocations, admission }: Services,
): CloseReason | undefined {
  if (isGateClosed()) return CLOSE.shutdown;
  if (revocations.judge(identity) !== undefined) return CLOSE.revoked;
  const isBanned = admission.refuseBanned(identity.user, socket.remoteAddress) !== undefined;
  return isBanned ? CLOSE.tooManyRequests : undefined;
}

function placesOf(subscriptions: readonly ContinuedSubscription[]): ReadonlyMap<string, StreamPosition> {
  const moved = new Map<string, StreamPosition>();
  for (const { channel, place } of subscriptions) if (place !== undefined) moved.set(channel, place);
  return moved;
}

/** What was missed first, then everything as it comes. */
function begin(connection: ClientConnection, { channel, outcome, refusal }: ContinuedSubscription): void {
  if (!connection.isOpen) return;
  if (!outcome.ok)
    return connection.push({ kind: "unsubscribe", channel, ...UNSUBSCRIBE[refusal ?? "insufficientState"] });
  const { publications = [], delta } = outcome.result;
  for (const publication of publications) {
    connection.push({ kind: "publication", channel, publication, ...(delta === true && { isDeltaStream: true }) });
  }
  outcome.activate();
}
