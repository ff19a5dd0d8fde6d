/** Whether a subscriber that comes back can be told exactly what it missed. Pure: the broker has already answered. */

import type { History, Position, StoredPublication } from "../broker/broker.ts";

export interface Recovery {
  readonly recovered: boolean;
  /** What the subscriber misses, oldest first; empty when it is not recovered. */
  readonly publications: readonly StoredPublication[];
}

const NOT_RECOVERED: Recovery = { recovered: false, publications: [] };
const NOTHING_MISSED: Recovery = { recovered: true, publications: [] };

/**
 * Every publication between the subscriber's place and the channel's newest, or none at all. `history` is the answer to a request
 * with this `since`; its limit is the largest number of publications worth sending, and an answer cut short by it is not recovered.
 */
export function recover(history: History, since: Position): Recovery {
  const { position, publications } = history;
  if (since.epoch !== position.epoch || since.offset < 0 || since.offset > position.offset) return NOT_RECOVERED;
  // Also where the history ended long ago: the place alone proves that nothing was published since.
  if (since.offset === position.offset) return NOTHING_MISSED;
  if (publications.length !== position.offset - since.offset) return NOT_RECOVERED;
  const isGapless = publications.every(({ offset }, index) => offset === since.offset + 1 + index);
  return isGapless ? { recovered: true, publications } : NOT_RECOVERED;
}

/**
 * For channels where only the newest value counts: that one, unless the subscriber has it. Not recovered when the newest
 * publication is no longer stored. `history` may hold more; `since` is absent for a subscriber that has seen nothing.
 */
export function recoverLatest(history: History, since: Position | undefined): Recovery {
  const { position, publications } = history;
  if (since !== undefined && since.epoch === position.epoch && since.offset === position.offset && position.offset > 0)
    return NOTHING_MISSED;
  const latest = publications.find(({ offset }) => offset === position.offset);
  return latest === undefined ? NOT_RECOVERED : { recovered: true, publications: [latest] };
}
