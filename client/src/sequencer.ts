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
  readonly position?: StreamPosition;
  /** A hole is being filled: newer ones wait, in their order. */
  readonly held?: readonly WirePublication[];
  readonly isFiltered: boolean;
}

/** Something between two places is gone. */
export interface Reset {
  readonly reason: ResetReason;
  readonly from: StreamPosition;
  /** Publications behind it follow. Absent where the server tells no places any more. */
  readonly to?: StreamPosition;
}

/** `epoch`: the channel began anew. `gap`: publications are missing, and cannot be had. */
export type ResetReason = "epoch" | "gap";

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
  const before = sequence.position;
  const base: Sequence = { isFiltered: sequence.isFiltered };
  const position = positionOf(result);
  const publications = result.publications ?? [];
  if (before === undefined) return { sequence: at(base, position), shown: publications.map(publication) };
  if (position === undefined)
    return { sequence: base, shown: [resetOf("gap", before), ...publications.map(publication)] };
  if (result.recovered === true && before.epoch === position.epoch)
    return recovered({ ...base, position: before }, publications, position);
  return unrecovered({ ...base, position: before }, publications, position);
}

/** One more publication. */
export function arrived(sequence: Sequence, incoming: WirePublication): SequenceStep {
  const { position, held, isFiltered } = sequence;
  const { offset } = incoming;
  if (position === undefined || offset === undefined) return { sequence, shown: [publication(incoming)] };
  if (held !== undefined) return { sequence: { ...sequence, held: [...held, incoming] }, shown: [] };
  if (offset <= position.offset) return { sequence, shown: [] };
  if (isFiltered || offset === position.offset + 1)
    return { sequence: at(sequence, { ...position, offset }), shown: [publication(incoming)] };
  return {
    sequence: { ...sequence, held: [incoming] },
    shown: [],
    fill: { since: position, until: offset - 1 },
  };
}

/** Another connection goes on behind `to`. `isComplete`: whatever a filter lets through before that has come. */
export function continued(sequence: Sequence, to: StreamPosition, isComplete: boolean): SequenceStep {
  const { position, isFiltered, held = [] } = sequence;
  if (position === undefined) return { sequence: at(sequence, to), shown: [] };
  if (position.epoch !== to.epoch) return { sequence: at({ isFiltered }, to), shown: [resetOf("epoch", position, to)] };
  // Whoever was asked to fill a hole may be gone.
  const until = Math.max(to.offset, (held[0]?.offset ?? 0) - 1);
  if (until <= position.offset) return afterwards({ isFiltered, position }, held, []);
  if (isFiltered) return { sequence: at(sequence, to), shown: isComplete ? [] : [resetOf("gap", position, to)] };
  return { sequence: { ...sequence, held }, shown: [], fill: { since: position, until } };
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

function unrecovered(
  sequence: Sequence & { readonly position: StreamPosition },
  publications: readonly WirePublication[],
  top: StreamPosition,
): SequenceStep {
  const { position } = sequence;
  const isSameEpoch = position.epoch === top.epoch;
  const shown = publications.map(publication);
  if (isSameEpoch && position.offset === top.offset) return { sequence, shown };
  // What was too much to be recovered at once may be had piece by piece.
  if (isSameEpoch && position.offset < top.offset && !sequence.isFiltered && shown.length === 0)
    return { sequence: { ...sequence, held: [] }, shown, fill: { since: position, until: top.offset } };
  return { sequence: at(sequence, top), shown: [resetOf(isSameEpoch ? "gap" : "epoch", position, top), ...shown] };
}

function recovered(
  sequence: Sequence & { readonly position: StreamPosition },
  publications: readonly WirePublication[],
  top: StreamPosition,
): SequenceStep {
  const shown: Shown[] = [];
  let { offset: last } = sequence.position;
  for (const each of publications) {
    const { offset = last } = each;
    if (offset <= last) continue;
    if (offset > last + 1 && !sequence.isFiltered)
      shown.push(resetOf("gap", { ...top, offset: last }, { ...top, offset: offset - 1 }));
    shown.push(publication(each));
    last = offset;
  }
  if (last < top.offset && !sequence.isFiltered) shown.push(resetOf("gap", { ...top, offset: last }, top));
  return { sequence: at(sequence, top), shown };
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

function positionOf({ epoch, offset }: SubscribeResult): StreamPosition | undefined {
  return epoch === undefined || epoch === "" ? undefined : { epoch, offset: offset ?? 0 };
}

function at(sequence: Sequence, position: StreamPosition | undefined): Sequence {
  return position === undefined ? sequence : { ...sequence, position };
}

function publication(incoming: WirePublication): Shown {
  return { type: "publication", publication: incoming };
}

function resetOf(reason: ResetReason, from: StreamPosition, to?: StreamPosition): Shown {
  return { type: "reset", reset: { reason, from, ...(to && { to }) } };
}
