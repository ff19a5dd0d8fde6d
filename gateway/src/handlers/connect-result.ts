import {
  type ConnectCommand,
  type ConnectResult,
  SERVER_VERSION,
  type StreamPosition,
  type SubscribeResult,
} from "@belay/protocol";
import { secondsUntil } from "../session/expiry.ts";
import type { Identity } from "../session/session.ts";
import { grantExtensions } from "./connect-extensions.ts";
import type { ConnectedInbox } from "./connect-inbox.ts";
import type { ClientConnection, Services } from "./services.ts";

/** What the reply to connect tells of. */
export interface Connected {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  readonly identity: Identity;
  /** Of the connect hook, for the client. */
  readonly data?: Buffer | undefined;
  readonly inbox: ConnectedInbox | undefined;
  /** What the server has subscribed the client to. */
  readonly subs?: ReadonlyMap<string, SubscribeResult>;
  /** Where another connection is continued. */
  readonly moved?: ReadonlyMap<string, StreamPosition>;
}

export function connectResult(connected: Connected, services: Services): ConnectResult {
  const { connection, identity, data, subs } = connected;
  const { clock, hooks, nodeId, settings } = services;
  const { expiresAt } = identity;
  // Where a hook renews connections the client has nothing to do.
  const showsExpiry = expiresAt !== undefined && !hooks.has.refresh;
  const belay = grantExtensions(connected, services);
  return {
    client: identity.client,
    version: SERVER_VERSION,
    ...(showsExpiry && { expires: true, ttl: secondsUntil(expiresAt, clock) }),
    ...(data !== undefined && { data }),
    ...(subs !== undefined && { subs }),
    ping: Math.ceil(settings.current.config.heartbeat.pingIntervalMs / 1000),
    ...(!connection.socket.isUnidirectional && { pong: true }),
    session: connection.session,
    node: nodeId,
    ...(belay !== undefined && { belay }),
  };
}
