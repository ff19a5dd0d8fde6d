import type { ClientConnection } from "../handlers/services.ts";
import type { Identity } from "../session/session.ts";
import type { HookClient } from "./hooks.ts";

/** What hooks are told of a connection. Which headers go out is decided where the request is made. */
export function hookClientOf(connection: ClientConnection, identity: Identity): HookClient {
  const { socket, emulatedHeaders, codec } = connection;
  const emulated = Object.fromEntries([...emulatedHeaders].map(([name, value]) => [name.toLowerCase(), value]));
  return {
    ...identity,
    transport: socket.transport,
    protocol: codec.name,
    headers: { ...emulated, ...socket.headers },
  };
}
