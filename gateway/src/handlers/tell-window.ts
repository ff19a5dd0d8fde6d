import type { ClientConnection } from "./services.ts";

/** Clients told before other work gets a turn. */
const SLICE_CLIENTS = 1000;

/** Tells every client that wants to know the reconnect window (WIN2). */
export function tellWindow(connections: Iterable<ClientConnection>, ms: number): void {
  const waiting = [...connections].filter(({ agreed, identity }) => agreed.window && identity !== undefined);
  const tellSome = (): void => {
    for (const connection of waiting.splice(0, SLICE_CLIENTS)) {
      if (connection.isOpen) connection.push({ kind: "window", ms });
    }
    if (waiting.length > 0) setImmediate(tellSome);
  };
  tellSome();
}
