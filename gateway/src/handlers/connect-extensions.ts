/** What is granted of the extensions that a client asked for in connect. */
import type { ConnectCommand, GrantedExtensions, StreamPosition } from "@belay/protocol";
import type { ConnectedInbox } from "./connect-inbox.ts";
import type { ClientConnection } from "./services.ts";

interface Asking {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  readonly inbox: ConnectedInbox | undefined;
  /** Where another connection is continued. */
  readonly moved?: ReadonlyMap<string, StreamPosition> | undefined;
}

/** Undefined where nothing is granted: then the reply says nothing of it (EXT1). */
export function grantExtensions({ connection, command, inbox, moved }: Asking): GrantedExtensions | undefined {
  // Who only listens publishes nothing.
  connection.usesKeys = command.belay?.keys === true && !connection.socket.isUnidirectional;
  const granted = {
    ...(inbox !== undefined && { inbox: inbox.result }),
    ...(connection.handover !== undefined && {
      handover: { ...connection.handover.resume, ...(moved !== undefined && { moved }) },
    }),
    ...(connection.usesKeys && { keys: true }),
  };
  return Object.keys(granted).length === 0 ? undefined : granted;
}
