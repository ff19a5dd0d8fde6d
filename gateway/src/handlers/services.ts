import type { CloseReason, Codec, ErrorReply, Push, Reply, UnsubscribeName } from "@belay/protocol";
import type { Logger } from "pino";
import type { Revocations, TokenVerifier } from "../auth/verifier.ts";
import type { Broker } from "../broker/broker.ts";
import type { ChannelTable } from "../channels/namespace.ts";
import type { Clock } from "../clock.ts";
import type { Hooks } from "../hooks/hooks.ts";
import type { Hub, HubClient } from "../hub/hub.ts";
import type { LineSink } from "../hub/member.ts";
import type { Subscriptions } from "../hub/subscriptions.ts";
import type { InboxDesk } from "../inbox/inbox-desk.ts";
import type { InboxFeed } from "../inbox/inbox-feed.ts";
import type { Admission } from "../limits/admission.ts";
import type { Bans } from "../limits/bans.ts";
import type { UserQuota } from "../limits/user-quota.ts";
import type { NodeBus } from "../node/node-bus.ts";
import type { UserConnections } from "../node/user-connections.ts";
import type { PresenceKeeper } from "../presence/presence-keeper.ts";
import type { Registry, RegistryEntry } from "../registry/registry.ts";
import type { ArrivalResult, Coming, KeptOrder, Leaving, TakeoverTiming } from "../session/movable.ts";
import type { AgreedExtensions } from "../session/agreed.ts";
import type { Identity } from "../session/session.ts";
import type { SettingsSource } from "../settings.ts";
import type { Subscription } from "../subscription/subscription.ts";

/** How a client is connected, as handlers need to know it. */
interface ConnectionSocket {
  readonly transport: string;
  /** The client only listens. */
  readonly isUnidirectional: boolean;
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a handler may do to the connection whose command it carries out. */
export interface ClientConnection extends HubClient {
  /** Secret of this connection, in its connect reply only; another than the client id, which other clients see. */
  readonly session: string;
  readonly isOpen: boolean;
  /** Frames that the client has sent. */
  readonly framesReceived: number;
  readonly identity: Identity | undefined;
  readonly socket: ConnectionSocket;
  readonly codec: Codec;
  /** Headers that the client put into connect because a browser cannot set them. */
  readonly emulatedHeaders: ReadonlyMap<string, string>;
  readonly sink: LineSink;
  /** By channel; one that is being opened is in it already. */
  readonly subscriptions: Map<string, Subscription>;
  /** Of a client that asked for its inbox in connect. */
  inboxFeed: InboxFeed | undefined;
  agreed: AgreedExtensions;
  /** Present where the client may continue the connection elsewhere (E1); there before its subscriptions are opened. */
  handover: Leaving | undefined;
  /** Present where it goes on from another connection. */
  arrival: Coming | undefined;
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
  reply(reply: Reply): void;
  replyError(id: number, error: ErrorReply): void;
  push(push: Push): void;
  /** Connect succeeded: the session is connected and `first` queued as its first reply or push. */
  accept(identity: Identity, first: Reply | Push): void;
  /** Connect failed; whatever the client sends from now on is dropped. */
  refuse(id: number, error: ErrorReply): void;
  /** Asks the client to show that it is there. */
  ping(): void;
  /** A refreshed token: the identity's new end, and what else it says. */
  renew(identity: Identity): void;
  /** Ends the connection when the time is over and nothing renewed it. */
  watchExpiry(subscription: Subscription): void;
  /** Runs work in its place behind the commands for the same channel. */
  runForChannel(channel: string, work: () => Promise<void> | undefined): Promise<void>;
  /** Holds commands that change subscriptions back. */
  freeze(): void;
  /** Carries out what was held back. */
  thaw(): void;
  /** Ends a subscription and tells the client why. */
  endSubscription(channel: string, why: UnsubscribeName): void;
  close(reason: CloseReason): void;
}

/** A client without a socket here that may come back, or that another node has by now. */
export interface AwayClient {
  readonly entry: RegistryEntry;
  /** Absent of one that is only coming. */
  readonly identity?: Identity | undefined;
  /** Its place is kept here. */
  readonly isKept: boolean;
  keep(order: KeptOrder): boolean;
  /** Nobody is to come back. */
  end(how: "ordered"): boolean;
  supersede(): void;
}

/** Connections that go to other nodes, and come from them (E1). */
export interface Takeovers {
  readonly timing: TakeoverTiming;
  /** Who does not answer is not asked for a while. */
  readonly silentPods: {
    isSilent(podUid: string, nowMs: number): boolean;
    note(podUid: string, hasAnswered: boolean, nowMs: number): void;
  };
  /** The client may leave, and come back, from now on. */
  grant(connection: ClientConnection, services: Services): void;
  /** Of all users where none is named. */
  awayOf(user: string | undefined): readonly AwayClient[];
  /** Orders may be forwarded for a connection that comes under this name. */
  expect(takeover: string, connection: ClientConnection): void;
  /** Whose it is. */
  know(takeover: string, entry: RegistryEntry): void;
  /** It is here: orders that came before are carried out. */
  arrived(takeover: string): void;
  forget(takeover: string): void;
  /** For metrics. */
  count(result: ArrivalResult): void;
}

/** What handlers work with. */
export interface Services {
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: SettingsSource;
  readonly broker: Broker;
  readonly registry: Registry;
  readonly hub: Hub<ClientConnection>;
  readonly subscriptions: Subscriptions;
  readonly presence: PresenceKeeper;
  /** The namespaces of the current settings. */
  readonly channels: () => ChannelTable;
  readonly verifier: TokenVerifier;
  readonly revocations: Revocations;
  readonly hooks: Hooks;
  readonly bus: NodeBus;
  readonly inbox: InboxDesk;
  readonly admission: Admission;
  readonly bans: Bans;
  readonly userQuota: UserQuota;
  readonly userConnections: UserConnections;
  /** How long clients are to spread their return over, milliseconds (WIN1). */
  readonly reconnectWindowMs: () => number;
  readonly takeovers: Takeovers;
  /** Name of this node in connect replies: the pod's UID. */
  readonly nodeId: string;
  readonly newClientId: () => string;
  readonly isGateClosed: () => boolean;
}

/** Carries out one command. Nothing is returned when it is done already. Rejections are bugs. */
export type Handler<C> = (connection: ClientConnection, command: C, services: Services) => Promise<void> | undefined;
