import type { StreamPosition, SubscribeResult, WirePublication } from "./messages.ts";

/**
 * Puts what a channel delivers into one row: each publication once, by its offset; nothing newer before what is missing; and where
 * something is missing for good, a reset in its place. Pure: a state and an event in, a state and what follows out.
 *
 * A publication with offset o, where `last` is the newest one shown:
 *
 * | o           | shown                                                   |
 * |-------------|---------------------------------------------------------|
 * | none        | at once: it has no place in the row                     |
 * | ≤ last      | never: it has been                                      |
 * | last + 1    | at once                                                 |
 * | > last + 1  | when (last, o) is filled, or behind a reset             |
 *
 * With a tags filter offsets have holes by design; then only order and duplicates are looked at.
 */
export interface Sequence {
  /** Place of the newest one shown; absent where the server tells no places. */
  readonly position?: StreamPosition | undefined;
  /** It has begun, and without a place: behind a loss nobody knows what was missed. */
  readonly isPlaceless?: boolean;
  /** A hole is being filled: newer ones wait, in their order. */
  readonly held?: readonly WirePublication[];
  readonly isFiltered: boolean;
}

/** Something between two places is gone, or may be. */
export interface Reset {
  readonly reason: ResetReason;
  /** Absent where the server told no places. */
  readonly from?: StreamPosition | undefined;
  /** Publications behind it follow. Absent where the server tells no places any more. */
  readonly to?: StreamPosition | undefined;
}

/**
 * `epoch`: the channel began anew. `gap`: publications are missing, and cannot be had. `unknown`: the server told no places before the
 * connection was lost, so nobody knows whether any are.
 */
export type ResetReason = "epoch" | "gap" | "unknown";

export type Shown =
  | { readonly type: "publication"; readonly publication: WirePublication }
  | { readonly type: "reset"; readonly reset: Reset };

export interface SequenceStep {
  readonly sequence: Sequence;
  /** In order. */
  readonly shown: readonly Shown[];
  /** Ask for what was published behind `since`; then comes `filled`. */
  readonly fill?: { readonly since: StreamPosition; readonly until: number };
}

/** The subscription begins, or begins again after a loss. */
export function subscribed(sequence: Sequence, result: SubscribeResult): SequenceStep {
  const { position, isFiltered } = sequence;
  const { epoch, offset = 0, publications = [] } = result;
  const top = epoch ? { epoch, offset } : undefined;
  if (position !== undefined && position.epoch === top?.epoch) return begunAgain({ isFiltered, position }, result, top);
  const reason = lossOf(sequence, top);
  const shown = publications.map(publication);
  return {
    sequence: { isFiltered, position: top, isPlaceless: top === undefined },
    shown: reason === undefined ? shown : [resetOf(reason, position, top), ...shown],
  };
}

/** One more publication. */
export function arrived(sequence: Sequence, incoming: WirePublication): SequenceStep {
  const { position, held, isFiltered } = sequence;
  const { offset } = incoming;
  if (position === undefined || offset === undefined) return { sequence, shown: [publication(incoming)] };
  if (held !== undefined) return { sequence: { ...sequence, held: [...held, incoming] }, shown: [] };
  if (offset <= position.offset) return { sequence, shown: [] };
  if (isFiltered || offset === position.offset + 1)
    return { sequence: { ...sequence, position: { ...position, offset } }, shown: [publication(incoming)] };
  return {
    sequence: { ...sequence, held: [incoming] },
    shown: [],
    fill: { since: position, until: offset - 1 },
  };
}

/**
 * Another connection goes on behind `to`, and brings everything from there on, also what is held. `isComplete`: whatever a filter
 * lets through before that has come.
 */
export function continued({ position, isFiltered }: Sequence, to: StreamPosition, isComplete: boolean): SequenceStep {
  const sequence = { isFiltered, position: to };
  if (position === undefined) return { sequence, shown: [] };
  if (position.epoch !== to.epoch) return { sequence, shown: [resetOf("epoch", position, to)] };
  if (to.offset <= position.offset) return { sequence: { isFiltered, position }, shown: [] };
  if (isFiltered) return { sequence, shown: isComplete ? [] : [resetOf("gap", position, to)] };
  return filling(position, to.offset);
}

/**
 * What the channel's history has behind the place that was asked for; undefined where it could not be had. The place up to which a
 * fill was asked for is `until`.
 */
export function filled(sequence: Sequence, until: number, found: readonly WirePublication[] | undefined): SequenceStep {
  const { position, held, isFiltered } = sequence;
  if (position === undefined || held === undefined) return { sequence, shown: [] };
  const shown: Shown[] = [];
  let { offset: last } = position;
  for (const each of found ?? []) {
    if (each.offset !== last + 1) continue;
    shown.push(publication(each));
    last = each.offset;
  }
  if (last < until) {
    shown.push(resetOf("gap", { ...position, offset: last }, { ...position, offset: until }));
    last = until;
  }
  return afterwards({ isFiltered, position: { ...position, offset: last } }, held, shown);
}

interface Placed extends Sequence {
  readonly position: StreamPosition;
}

/** What may have been missed where the places before and now are not of one row; undefined at the very beginning. */
function lossOf({ position, isPlaceless }: Sequence, top: StreamPosition | undefined): ResetReason | undefined {
  if (position !== undefined) return top === undefined ? "gap" : "epoch";
  return isPlaceless === true ? "unknown" : undefined;
}

/** In the same epoch. */
function begunAgain({ isFiltered, position }: Placed, result: SubscribeResult, top: StreamPosition): SequenceStep {
  const { publications = [] } = result;
  if (result.recovered === true) return recovered({ isFiltered, position }, publications, top);
  const shown = publications.map(publication);
  const sequence = { isFiltered, position: top };
  if (position.offset === top.offset) return { sequence, shown };
  // What was too much to be recovered at once may be had piece by piece.
  if (position.offset < top.offset && !isFiltered && shown.length === 0) return filling(position, top.offset);
  return { sequence, shown: [resetOf("gap", position, top), ...shown] };
}

function recovered(
  { isFiltered, position }: Placed,
  publications: readonly WirePublication[],
  top: StreamPosition,
): SequenceStep {
  const shown: Shown[] = [];
  let last = position;
  const tellUpTo = (offset: number): void => {
    if (offset > last.offset && !isFiltered) shown.push(resetOf("gap", last, { ...top, offset }));
  };
  for (const each of publications) {
    const { offset = 0 } = each;
    if (offset <= last.offset) continue;
    tellUpTo(offset - 1);
    shown.push(publication(each));
    last = { ...top, offset };
  }
  tellUpTo(top.offset);
  return { sequence: { isFiltered, position: top }, shown };
}

/** Shows what waited behind a hole, up to the next hole. */
function afterwards(sequence: Sequence, held: readonly WirePublication[], before: readonly Shown[]): SequenceStep {
  const shown = [...before];
  let next = sequence;
  for (const [index, each] of held.entries()) {
    const result = arrived(next, each);
    shown.push(...result.shown);
    next = result.sequence;
    // Whatever waits behind the next hole waits on.
    if (result.fill !== undefined) return { sequence: { ...next, held: held.slice(index) }, shown, fill: result.fill };
  }
  return { sequence: next, shown };
}

/** Nothing is shown before what is missing. */
function filling(since: StreamPosition, until: number): SequenceStep {
  return { sequence: { isFiltered: false, position: since, held: [] }, shown: [], fill: { since, until } };
}

function publication(incoming: WirePublication): Shown {
  return { type: "publication", publication: incoming };
}

function resetOf(reason: ResetReason, from: StreamPosition | undefined, to: StreamPosition | undefined): Shown {
  return { type: "reset", reset: { reason, from, to } };
}
