import type { ClientInfo, WirePublication } from "./messages.ts";

/** What was published, as the application gets it. */
export interface Publication<Data = unknown> {
  readonly channel: string;
  readonly data: Data;
  /** Who published; absent for the server API. */
  readonly info?: ClientInfo;
  /** Place in the channel's order; absent where it has none. */
  readonly offset?: number;
  readonly tags?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly timeMs?: number;
}

export function publicationOf<Data>(channel: string, wire: WirePublication): Publication<Data> {
  return { channel, ...wire } as Publication<Data>;
}
