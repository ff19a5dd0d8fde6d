import { encodeClientInfo } from "@belay/protocol";
import type { Identity } from "../session/session.ts";

/** JSON text of what others see of a client in a channel. */
export function clientInfoOf({ user, client, connInfo }: Identity, chanInfo?: Buffer): Buffer {
  return Buffer.from(
    encodeClientInfo({
      user,
      client,
      ...(connInfo !== undefined && { connInfo }),
      ...(chanInfo !== undefined && { chanInfo }),
    }),
  );
}
