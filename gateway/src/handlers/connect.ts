import { CLOSE, type ConnectCommand, encodeConnectReply, ERROR, SERVER_VERSION } from "@belay/protocol";
import { type TokenClaims, verifyToken } from "../auth/token-verifier.ts";
import type { ClientConnection, Handler, Services } from "./services.ts";

const ANONYMOUS: TokenClaims = { user: "" };

export const connect: Handler<ConnectCommand> = (connection, command, services) => {
  if (services.isGateClosed()) {
    connection.close(CLOSE.shutdown);
    return undefined;
  }
  const { auth, limits } = services.settings.current.config;
  if (services.hub.clientCount >= limits.maxConnections) {
    connection.refuse(command.id, ERROR.tooManyRequests);
    return undefined;
  }
  if (command.token !== undefined) return connectWithToken(connection, command, services);
  if (auth.anonymous) accept(connection, command.id, ANONYMOUS, services);
  else connection.refuse(command.id, ERROR.unauthorized);
  return undefined;
};

async function connectWithToken(
  connection: ClientConnection,
  { id, token = "" }: ConnectCommand,
  services: Services,
): Promise<void> {
  const verdict = await verifyToken(token, services.settings.current.hmacSecret, services.clock);
  if (!connection.isOpen) return;
  // The gate may have closed while the token was verified: the drain would have to move a client that has just come.
  if (services.isGateClosed()) connection.close(CLOSE.shutdown);
  else if (verdict.ok) accept(connection, id, verdict.claims, services);
  else if ("close" in verdict) connection.close(verdict.close);
  else connection.refuse(id, verdict.error);
}

function accept(connection: ClientConnection, id: number, claims: TokenClaims, services: Services): void {
  const client = services.newClientId();
  const line = encodeConnectReply(id, {
    client,
    version: SERVER_VERSION,
    ping: Math.ceil(services.settings.current.config.heartbeat.pingIntervalMs / 1000),
    pong: true,
    session: connection.session,
    node: services.nodeId,
  });
  connection.accept({ client, ...claims }, line);
}
