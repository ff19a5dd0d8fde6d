/** What is granted of the extensions that a client asked for in connect. */
import type { ConnectCommand, GrantedExtensions, StreamPosition } from "@belay/protocol";
import type { ConnectedInbox } from "./connect-inbox.ts";
import type { ClientConnection, Services } from "./services.ts";

interface Asking {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  readonly inbox: ConnectedInbox | undefined;
  /** Where another connection is continued. */
  readonly moved?: ReadonlyMap<string, StreamPosition> | undefined;
}

/** Undefined where nothing is granted: then the reply says nothing of it (EXT1). */
export function grantExtensions(
  { connection, command, inbox, moved }: Asking,
  services: Pick<Services, "reconnectWindowMs">,
): GrantedExtensions | undefined {
  const { keys = false, window = false } = command.belay ?? {};
  // Who only listens publishes nothing.
  connection.agreed = { keys: keys && !connection.socket.isUnidirectional, window };
  const granted = {
    ...(inbox !== undefined && { inbox: inbox.result }),
    ...(connection.handover !== undefined && {
      handover: { ...connection.handover.resume, ...(moved !== undefined && { moved }) },
    }),
    ...(connection.agreed.keys && { keys: true }),
    ...(window && { window: { ms: services.reconnectWindowMs() } }),
  };
  return Object.keys(granted).length === 0 ? undefined : granted;
}
