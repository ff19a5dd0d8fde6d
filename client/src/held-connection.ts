import type { Client } from "./client.ts";

const holds = new WeakMap<Client, number>();

/**
 * Connects the client for as long as anybody holds it; the answer releases it, and is safe to call again. A client that was connected
 * already stays so: who connected it is the one to end that.
 */
export function holdConnection(client: Client): () => void {
  const { name } = client.state;
  if (holds.get(client) === undefined && name !== "disconnected" && name !== "closed") return () => undefined;
  holds.set(client, (holds.get(client) ?? 0) + 1);
  client.connect();
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    holds.set(client, (holds.get(client) ?? 0) - 1);
    // Whoever holds it again in the same turn, as React does in its strict mode, finds the same connection.
    queueMicrotask(() => {
      if (holds.get(client) !== 0) return;
      holds.delete(client);
      client.disconnect();
    });
  };
}
