import type { ChatMessage } from "./message.ts";

/** How well messages have come, as their numbers tell. */
export interface Delivery {
  readonly shown: number;
  readonly lost: number;
  readonly duplicated: number;
  /** The longest time from saying to showing, of what was said while both were there. */
  readonly longestMs: number;
  /** The newest number of each visit. */
  readonly newest: ReadonlyMap<string, number>;
}

export const NOTHING_DELIVERED: Delivery = {
  shown: 0,
  lost: 0,
  duplicated: 0,
  longestMs: 0,
  newest: new Map(),
};

/** One more message came at `nowMs`. */
export function delivered(before: Delivery, { visit, n, atMs }: ChatMessage, nowMs: number): Delivery {
  const last = before.newest.get(visit);
  const isNew = last === undefined || n > last;
  return {
    shown: before.shown + 1,
    lost: before.lost + (isNew && last !== undefined ? n - last - 1 : 0),
    duplicated: before.duplicated + (isNew ? 0 : 1),
    longestMs: Math.max(before.longestMs, nowMs - atMs),
    newest: isNew ? new Map(before.newest).set(visit, n) : before.newest,
  };
}
