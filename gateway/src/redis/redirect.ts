/** Where a server of a cluster sends a command: for good, or this once because the slot is on its way there. */
export interface Redirect {
  readonly kind: "MOVED" | "ASK";
  readonly slot: number;
  /** `host:port`. */
  readonly owner: string;
}

/** Of a BrokerUnavailableError, whose cause has the server's words; undefined where it names no other server. */
export function redirectOf(error: unknown): Redirect | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const words = cause instanceof Error ? cause.message : "";
  const [, kind, slot, owner] = /^(MOVED|ASK) (\d{1,5}) (\S+:\d{1,5})$/.exec(words) ?? [];
  if (kind === undefined || owner === undefined || owner.startsWith(":")) return undefined;
  return { kind: kind === "ASK" ? "ASK" : "MOVED", slot: Number(slot), owner };
}
