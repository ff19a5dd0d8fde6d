/** Ends connections whose token was revoked while they were open, and what is kept of those that were lost. */
import { CLOSE } from "@belay/protocol";
import type { Revocation, Revocations } from "../auth/verifier.ts";
import type { AwayClient, ClientConnection } from "./services.ts";

/** Connections looked at in one turn of the event loop: everybody may be meant. */
const SLICE = 500;

export interface RevocationDeps {
  readonly revocations: Pick<Revocations, "judge" | "onRevocation">;
  readonly connectionsOf: (user: string) => Iterable<ClientConnection>;
  readonly connections: () => Iterable<ClientConnection>;
  /** Clients without a socket whose place is kept, of a user or of all. */
  readonly awayOf: (user: string | undefined) => Iterable<AwayClient>;
}

export function obeyRevocations({ revocations, connectionsOf, connections, awayOf }: RevocationDeps): void {
  const close = (connection: ClientConnection): void => {
    const { identity } = connection;
    if (identity !== undefined && revocations.judge(identity) !== undefined) connection.close(CLOSE.revoked);
  };
  revocations.onRevocation(({ user }: Revocation) => {
    for (const away of awayOf(user))
      if (away.identity !== undefined && revocations.judge(away.identity) !== undefined) away.end("ordered");
    if (user === undefined) return inSlices([...connections()], close);
    for (const connection of connectionsOf(user)) close(connection);
  });
}

/** What is closed meanwhile is closed twice, which changes nothing. */
function inSlices(connections: readonly ClientConnection[], act: (connection: ClientConnection) => void): void {
  for (const connection of connections.slice(0, SLICE)) act(connection);
  if (connections.length > SLICE) setImmediate(() => inSlices(connections.slice(SLICE), act));
}
