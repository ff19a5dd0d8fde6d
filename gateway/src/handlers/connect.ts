import { CLOSE, type ConnectCommand, ERROR, type SubscribeResult } from "@belay/protocol";
import type { Refusal } from "../auth/verifier.ts";
import type { Identity, ServerSubscription } from "../session/session.ts";
import type { OpenOutcome } from "../subscription/opening.ts";
import { openSubscription } from "../subscription/open-subscription.ts";
import { Subscription } from "../subscription/subscription.ts";
import { type Identified, identify, type Identifying } from "./identify.ts";
import { connectResult } from "./connect-result.ts";
import { continueConnection, type Continuing } from "./continue-connection.ts";
import { type ConnectedInbox, connectInbox, inboxAsked } from "./connect-inbox.ts";
import { lookupRefusal } from "../channels/lookup-refusal.ts";
import { namedSubscriptions } from "./named-subscriptions.ts";
import type { ClientConnection, Handler, Services } from "./services.ts";

export const connect: Handler<ConnectCommand> = (connection, command, services) => {
  if (services.isGateClosed()) {
    connection.close(CLOSE.shutdown);
    return undefined;
  }
  if (services.admission.refuse(connection.socket.remoteAddress) !== undefined) {
    return turnAway(connection, command, services);
  }
  const { handover } = command.belay ?? {};
  // Who only listens cannot say that it has moved.
  if (handover !== undefined && !connection.socket.isUnidirectional) services.takeovers.grant(connection, services);
  if (connection.handover === undefined || handover?.continued === undefined)
    return connectAnew(connection, command, services);
  return continueOrConnect({ connection, command, continued: handover.continued }, services);
};

function turnAway(connection: ClientConnection, { id, belay }: ConnectCommand, services: Services): undefined {
  if (belay?.window === true) connection.push({ kind: "window", ms: services.admission.comeBackMs() });
  connection.refuse(id, ERROR.tooManyRequests);
}

async function continueOrConnect(continuing: Continuing, services: Services): Promise<void> {
  const outcome = await continueConnection(continuing, services);
  const { connection, command } = continuing;
  if (outcome === "fresh" && connection.isOpen) await connectAnew(connection, command, services);
}

function connectAnew(
  connection: ClientConnection,
  command: ConnectCommand,
  services: Services,
): Promise<void> | undefined {
  const client = services.newClientId();
  const connecting = { connection, command, client };
  const identified = identify(connecting, services);
  return identified instanceof Promise
    ? identified.then((known) => admit(connecting, known, services))
    : admit(connecting, identified, services);
}

function admit(
  { connection, command, client }: Identifying,
  identified: Identified,
  services: Services,
): Promise<void> | undefined {
  if (!connection.isOpen) return undefined;
  if (!identified.ok) {
    refuse(connection, command.id, identified.refusal);
    return undefined;
  }
  const { subs, ...claims } = identified.claims;
  if (services.admission.refuseBanned(claims.user, connection.socket.remoteAddress) !== undefined) {
    connection.refuse(command.id, ERROR.tooManyRequests);
    return undefined;
  }
  const identity: Identity = { ...claims, client };
  const accepting = { connection, command, identity, data: identified.data, inbox: undefined, subs };
  const claim = services.userConnections.claim(identity);
  return claim === undefined
    ? seat(accepting, services)
    : claim.then((isGranted) => claimed(accepting, isGranted, services));
}

/** The user's limit was asked: a place that the client does not take is given back (LIM20). */
async function claimed(accepting: Seating, isGranted: boolean, services: Services): Promise<void> {
  const { connection, command, identity } = accepting;
  try {
    if (isGranted && connection.isOpen) await seat(accepting, services);
    else if (connection.isOpen) connection.refuse(command.id, ERROR.tooManyRequests);
  } finally {
    if (isGranted && connection.identity === undefined) services.userConnections.release(identity);
  }
}

function seat(accepting: Seating, services: Services): Promise<void> | undefined {
  const { connection, command, identity } = accepting;
  const asked = inboxAsked(command, identity.user, services);
  if (asked === undefined) return subscribeAndAccept(accepting, services);
  return connectInbox(connection, identity.user, asked, services).then((inbox) => {
    if (!connection.isOpen) return undefined;
    if ("error" in inbox) return refuse(connection, command.id, inbox);
    return subscribeAndAccept({ ...accepting, inbox }, services);
  });
}

function subscribeAndAccept({ subs, ...accepting }: Seating, services: Services): Promise<void> | undefined {
  const { connection, command } = accepting;
  if (connection.socket.isUnidirectional && command.subs !== undefined)
    return acceptNamed({ ...accepting, subs }, services);
  if (subs !== undefined && subs.size > 0) return acceptSubscribed({ ...accepting, subs }, services);
  accept(accepting, [], services);
  return undefined;
}

interface Accepting {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  readonly identity: Identity;
  /** Of the connect hook, for the client. */
  readonly data: Buffer | undefined;
  /** Where the client asked for it. */
  readonly inbox: ConnectedInbox | undefined;
}

type Seating = Accepting & { readonly subs: ReadonlyMap<string, ServerSubscription> | undefined };

async function acceptNamed(accepting: Seating, services: Services): Promise<void> {
  const { connection, command } = accepting;
  const named = await namedSubscriptions({ ...accepting, granted: accepting.subs ?? new Map() }, services);
  if (!connection.isOpen) return undefined;
  if (named.ok) return acceptSubscribed({ ...accepting, subs: named.subs }, services);
  return refuse(connection, command.id, { error: named.error });
}

type Outcomes = readonly (readonly [string, OpenOutcome])[];

async function acceptSubscribed(
  accepting: Accepting & { readonly subs: ReadonlyMap<string, ServerSubscription> },
  services: Services,
): Promise<void> {
  const { connection, command } = accepting;
  const outcomes = await openServerSubscriptions(accepting, services);
  const failed = outcomes.map(([, outcome]) => outcome).find((outcome) => !outcome.ok);
  if (!connection.isOpen) return;
  if (failed === undefined) accept(accepting, outcomes, services);
  else refuse(connection, command.id, { error: failed.error });
}

function accept(accepting: Accepting, outcomes: Outcomes, services: Services): void {
  const { connection, command, identity, inbox } = accepting;
  // Both may have come meanwhile: the drain would have to move a client that has just come, and nobody would close a revoked one.
  if (services.isGateClosed()) return connection.close(CLOSE.shutdown);
  if (services.revocations.judge(identity) !== undefined) return connection.close(CLOSE.revoked);
  const result = connectResult({ ...accepting, ...subsOf(outcomes) }, services);
  const { isUnidirectional } = connection.socket;
  connection.inboxFeed = inbox?.feed;
  connection.accept(identity, { kind: "connect", result, ...(!isUnidirectional && { id: command.id }) });
  for (const [, outcome] of outcomes) if (outcome.ok) outcome.activate();
  // The first write of a connection may end it.
  if (connection.isOpen) inbox?.feed.begin();
}

function subsOf(outcomes: Outcomes): { readonly subs?: ReadonlyMap<string, SubscribeResult> } {
  const subs = new Map<string, SubscribeResult>();
  for (const [channel, outcome] of outcomes) if (outcome.ok) subs.set(channel, outcome.result);
  return subs.size > 0 ? { subs } : {};
}

function refuse(connection: ClientConnection, id: number, refusal: Refusal): void {
  if ("close" in refusal) connection.close(refusal.close);
  else connection.refuse(id, refusal.error);
}

/** Opens what token or hook subscribe the client to; where the client knows a position it is recovered. */
function openServerSubscriptions(
  { connection, command, identity, subs }: Accepting & { readonly subs: ReadonlyMap<string, ServerSubscription> },
  services: Services,
): Promise<Outcomes> {
  const channels = services.channels();
  return Promise.all(
    [...subs].map(async ([channel, options]): Promise<readonly [string, OpenOutcome]> => {
      const lookup = channels.find(channel);
      if (!lookup.ok) return [channel, { ok: false, error: lookupRefusal(lookup) }];
      const subscription = new Subscription({ ...options, channel, namespace: lookup.namespace, isServerSide: true });
      connection.subscriptions.set(channel, subscription);
      // A client that names a place says nothing of these three, which reads as a no in JSON.
      const wants = { ...command.subs?.get(channel), recoverable: true, positioned: true, joinLeave: true };
      return [channel, await openSubscription({ connection, subscription, identity, wants }, services)];
    }),
  );
}
