import type { StreamPosition, WirePublication } from "../src/messages.ts";

/** A channel's order: of all that was ever published, by offset from 1. */
export class ModelChannel {
  readonly log: WirePublication[] = [];
  readonly #keys = new Map<string, number>();
  readonly epoch = "epoch";
  readonly hasHistory: boolean;

  constructor(hasHistory: boolean) {
    this.hasHistory = hasHistory;
  }

  get top(): StreamPosition {
    return { epoch: this.epoch, offset: this.log.length };
  }

  /** A key that was seen is not published again. */
  publish(data: unknown, key?: string): void {
    if (key !== undefined && this.#keys.has(key)) return;
    this.log.push({ data, offset: this.log.length + 1 });
    if (key !== undefined) this.#keys.set(key, this.log.length);
  }

  /** How often a payload is in the channel. */
  count(data: unknown): number {
    return this.log.filter((publication) => publication.data === data).length;
  }
}
