/** What is granted of the extensions that a client asked for in connect. */
import type { ConnectCommand, GrantedExtensions } from "@belay/protocol";
import type { ConnectedInbox } from "./connect-inbox.ts";
import type { ClientConnection } from "./services.ts";

interface Asking {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  readonly inbox: ConnectedInbox | undefined;
}

/** Undefined where nothing is granted: then the reply says nothing of it (EXT1). */
export function grantExtensions({ connection, command, inbox }: Asking): GrantedExtensions | undefined {
  // Who only listens publishes nothing.
  connection.usesKeys = command.belay?.keys === true && !connection.socket.isUnidirectional;
  const granted = {
    ...(inbox !== undefined && { inbox: inbox.result }),
    ...(connection.usesKeys && { keys: true }),
  };
  return Object.keys(granted).length === 0 ? undefined : granted;
}
