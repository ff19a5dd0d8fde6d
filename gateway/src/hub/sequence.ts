import type { Position } from "../broker/broker.ts";

/** Where a publication stands to what its room has handed out. */
export type Place = "next" | "duplicate" | "gap" | "newEpoch";

/** What a room knows of its channel's order. */
export interface RoomPosition {
  /** Position of the last publication handed out; absent before the first. */
  readonly last?: Position;
  /** Smallest position that some subscriber was told before any publication came: nothing behind it may be missed. */
  readonly floor?: Position;
}

/** Pure, so that the order of a channel can be tested without one. */
export function placeOf({ last, floor }: RoomPosition, { offset, epoch }: Position): Place {
  if (last !== undefined) {
    if (epoch !== last.epoch) return "newEpoch";
    if (offset <= last.offset) return "duplicate";
    return offset === last.offset + 1 ? "next" : "gap";
  }
  if (floor === undefined) return "next";
  if (epoch !== floor.epoch) return "newEpoch";
  // What a subscriber's reply held already may still come for those who were here before it.
  return offset <= floor.offset + 1 ? "next" : "gap";
}
