import type { SeededChance } from "./seeded-chance.ts";

/** What mutants are made of. */
export interface MutationStock {
  /** Well-formed inputs. */
  readonly corpus: readonly Uint8Array[];
  /** Pieces that mean something to the reader. */
  readonly pieces: readonly Uint8Array[];
}

/** Changes put into one input at most; none leaves it well-formed. */
const MAX_CHANGES = 4;
/** Mutants end here: what is long is tried by tests of its own. */
const MAX_BYTES = 4096;
/** Lengths, counts and signs at the edges of their types. */
const EDGES = [0, 1, 0x0a, 0x22, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xbf, 0xc0, 0xed, 0xf5, 0xff];

/** Work space that mutants share; each leaves it as a copy. */
const room = new Uint8Array(MAX_BYTES);

/** A well-formed input with some bytes changed, cut, moved, repeated, or replaced by pieces of others. */
export function mutant({ corpus, pieces }: MutationStock, chance: SeededChance): Uint8Array {
  const first = chance.pick(corpus).subarray(0, MAX_BYTES);
  room.set(first);
  let length = first.length;
  for (let left = chance.below(MAX_CHANGES + 1); left > 0; left--) {
    const change = chance.pick(CHANGES);
    length = change({ length, at: chance.below(length + 1), chance, corpus, pieces });
  }
  return room.slice(0, length);
}

interface Place extends MutationStock {
  readonly length: number;
  readonly at: number;
  readonly chance: SeededChance;
}

/** Changes what is in the work space; the answer is the new length. */
type Change = (place: Place) => number;

const flip: Change = ({ length, at, chance }) => {
  if (at < length) room[at] = (room[at] ?? 0) ^ (1 << chance.below(8));
  return length;
};

const edge: Change = ({ length, at, chance }) => {
  if (at < length) room[at] = chance.pick(EDGES);
  return length;
};

const cut: Change = ({ length, at, chance }) => {
  const end = Math.min(length, at + chance.below(12) + 1);
  room.copyWithin(at, end, length);
  return length - (end - at);
};

const end: Change = ({ at }) => at;

const repeat: Change = (place) => {
  const { length, at, chance } = place;
  const piece = room.slice(at, Math.min(length, at + chance.below(24) + 1));
  let grown = length;
  for (let left = chance.below(20) + 1; left > 0; left--) grown = insert({ ...place, length: grown }, piece);
  return grown;
};

const takePiece: Change = (place) => insert(place, place.chance.pick(place.pieces));

const takeOther: Change = (place) => {
  const other = place.chance.pick(place.corpus);
  const from = place.chance.below(other.length + 1);
  return insert(place, other.subarray(from, from + place.chance.below(64)));
};

const CHANGES: readonly Change[] = [flip, edge, cut, end, repeat, takePiece, takePiece, takeOther];

function insert({ length, at }: Place, piece: Uint8Array): number {
  const count = Math.min(piece.length, MAX_BYTES - length);
  room.copyWithin(at + count, at, length);
  room.set(piece.subarray(0, count), at);
  return length + count;
}
