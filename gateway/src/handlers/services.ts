import type { CloseReason, ErrorReply } from "@belay/protocol";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { LineSink, Member } from "../hub/fan-out.ts";
import type { Hub, HubClient } from "../hub/hub.ts";
import type { Subscriptions } from "../hub/subscriptions.ts";
import type { Registry } from "../registry/registry.ts";
import type { Identity } from "../session/session.ts";
import type { SettingsSource } from "../settings.ts";

/** What a handler may do to the connection whose command it carries out. */
export interface ClientConnection extends HubClient {
  /** Id in logs and in the connect reply; another than the client id, which other clients see. */
  readonly session: string;
  readonly isOpen: boolean;
  readonly identity: Identity | undefined;
  readonly sink: LineSink;
  /** Subscribed channels; a channel without a member is about to be subscribed. */
  readonly channels: Map<string, Member | undefined>;
  reply(line: string): void;
  replyError(id: number, error: ErrorReply): void;
  /** Connect succeeded; the session is connected and `line` is its first reply. */
  accept(identity: Identity, line: string): void;
  /** Connect failed; whatever the client sends from now on is dropped. */
  refuse(id: number, error: ErrorReply): void;
  close(reason: CloseReason): void;
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
  /** Name of this node in connect replies: the pod's UID. */
  readonly nodeId: string;
  readonly newClientId: () => string;
  readonly isGateClosed: () => boolean;
}

/** Carries out one command. Nothing is returned when it is done already. Rejections are bugs. */
export type Handler<C> = (connection: ClientConnection, command: C, services: Services) => Promise<void> | undefined;
