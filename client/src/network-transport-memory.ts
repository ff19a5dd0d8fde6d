import type { TransportMemory } from "./transport-choice.ts";

/** Part of `localStorage`. */
export type TextStorage = Pick<Storage, "getItem" | "setItem">;

interface NavigatorWithConnection {
  readonly connection?: { readonly type?: string };
}

/**
 * Remembers the transport that works for each kind of network (`wifi`, `cellular`, …), where the browser tells it; so the next page
 * does not wait for a WebSocket that a proxy holds back. A storage that is full or forbidden is none.
 */
export function networkTransportMemory(storage?: TextStorage): TransportMemory {
  return {
    load: () => {
      try {
        return (storage ?? localStorage).getItem(keyOf()) ?? undefined;
      } catch {
        // Storage is forbidden here: nothing is remembered.
        return undefined;
      }
    },
    save: (name) => {
      try {
        (storage ?? localStorage).setItem(keyOf(), name);
      } catch {
        // Storage is full or forbidden: the next page tries again.
      }
    },
  };
}

function keyOf(): string {
  const { connection } = globalThis.navigator as NavigatorWithConnection;
  return `belay:transport:${connection?.type ?? "any"}`;
}
