/** What is granted of the extensions that a client asked for in connect. */
import type { ConnectCommand, GrantedExtensions, StreamPosition } from "@belay/protocol";
import type { AgreedExtensions } from "../session/agreed.ts";
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
  connection.agreed = agreedOf(connection, command);
  const { keys, window } = connection.agreed;
  const granted = {
    ...(inbox !== undefined && { inbox: inbox.result }),
    ...(connection.handover !== undefined && {
      handover: { ...connection.handover.resume, ...(moved !== undefined && { moved }) },
    }),
    ...(keys && { keys: true }),
    ...(window && { window: { ms: services.reconnectWindowMs() } }),
  };
  return Object.keys(granted).length === 0 ? undefined : granted;
}

function agreedOf({ socket }: ClientConnection, { belay }: ConnectCommand): AgreedExtensions {
  const { keys = false, window = false } = belay ?? {};
  // Who only listens publishes nothing.
  return { keys: keys && !socket.isUnidirectional, window };
}
