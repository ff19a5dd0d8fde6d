import type { StreamPosition } from "./messages.ts";
import type { QueuedPublish } from "./publish-queue.ts";

/** A publish without an answer yet. */
export interface StoredPublish extends QueuedPublish {
  /** When it left for the first time, where it has: from then on it may be in the channel. */
  readonly firstSentMs?: number;
}

/** Keeps what is to outlive the page. Reads are answered at once, from memory; writes may be late, and are lost where they come too late. */
export interface ClientStore {
  /** Those of an earlier life, in their order. */
  publishes(): readonly StoredPublish[];
  /** In place of the one with the same key. */
  keep(publish: StoredPublish): void;
  drop(key: string): void;
  position(channel: string): StreamPosition | undefined;
  /** Undefined forgets the channel. */
  moveTo(channel: string, position: StreamPosition | undefined): void;
}
