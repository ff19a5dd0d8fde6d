/**
 * Patches in the delta format of the Fossil version control system, which SDKs apply: the length of the result, then copies
 * `<count>@<offset>,` from the source and insertions `<count>:<bytes>`, then a checksum `<sum>;`.
 *
 * Our own maker and not a library's, because that one takes 130 ms for 64 KiB of zeros and the event loop has 10: here every
 * position of the target is compared with at most MAX_CANDIDATES places of the source.
 */

/** Bytes that must be equal for a copy; shorter ones are not worth their notation. */
const BLOCK_BYTES = 16;
/** Places of the source with the same hash that are tried. */
const MAX_CANDIDATES = 8;
/** The format's digits: 6 bits each. */
const DIGITS = new TextEncoder().encode("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
const NEWLINE = 0x0a;
const AT = 0x40;
const COMMA = 0x2c;
const COLON = 0x3a;
const SEMICOLON = 0x3b;

/** A patch that turns `source` into `target`. It may be longer than the target. */
export function makeDelta(source: Uint8Array, target: Uint8Array): Uint8Array {
  const patch = new PatchBytes();
  patch.number(target.length, NEWLINE);
  const blocks = indexBlocks(source);
  // Everything before `done` is in the patch.
  let done = 0;
  let hash = new RollingHash(target, 0);
  let at = 0;
  while (at + BLOCK_BYTES <= target.length) {
    const copy = longestCopy({ source, target, done, at }, blocks.get(hash.value) ?? []);
    if (copy === undefined) {
      hash.roll();
      at += 1;
      continue;
    }
    const start = at - copy.back;
    if (start > done) patch.insert(target.subarray(done, start));
    patch.copy(copy.length, copy.offset);
    done = start + copy.length;
    at = done;
    hash = new RollingHash(target, at);
  }
  if (done < target.length) patch.insert(target.subarray(done));
  patch.number(checksum(target), SEMICOLON);
  return patch.finish();
}

interface Copy {
  /** In the source. */
  readonly offset: number;
  readonly length: number;
  /** Bytes of it that stand before the place where it was found. */
  readonly back: number;
}

interface Place {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly done: number;
  readonly at: number;
}

function longestCopy(place: Place, candidates: readonly number[]): Copy | undefined {
  const { source, target, done, at } = place;
  let best: Copy | undefined;
  for (const candidate of candidates) {
    let ahead = 0;
    const most = Math.min(source.length - candidate, target.length - at);
    while (ahead < most && source[candidate + ahead] === target[at + ahead]) ahead += 1;
    // The hash of another text may be the same.
    if (ahead < BLOCK_BYTES) continue;
    let back = 0;
    while (back < candidate && at - back > done && source[candidate - back - 1] === target[at - back - 1]) back += 1;
    const length = back + ahead;
    if (best === undefined || length > best.length) best = { offset: candidate - back, length, back };
  }
  return best;
}

/** Places of the source's blocks by their hash. */
function indexBlocks(source: Uint8Array): ReadonlyMap<number, readonly number[]> {
  const blocks = new Map<number, number[]>();
  for (let at = 0; at + BLOCK_BYTES <= source.length; at += BLOCK_BYTES) {
    const { value } = new RollingHash(source, at);
    const places = blocks.get(value);
    if (places === undefined) blocks.set(value, [at]);
    else if (places.length < MAX_CANDIDATES) places.push(at);
  }
  return blocks;
}

/** Two 16-bit sums over BLOCK_BYTES bytes that move on by one byte at a cost that does not depend on their number. */
class RollingHash {
  readonly #bytes: Uint8Array;
  #at: number;
  #sum = 0;
  #weighted = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
    for (let index = 0; index < BLOCK_BYTES; index++) {
      const byte = bytes[at + index] ?? 0;
      this.#sum += byte;
      this.#weighted += (BLOCK_BYTES - index) * byte;
    }
    this.#sum &= 0xffff;
    this.#weighted &= 0xffff;
  }

  get value(): number {
    return this.#sum + this.#weighted * 0x1_0000;
  }

  roll(): void {
    const leaving = this.#bytes[this.#at] ?? 0;
    const coming = this.#bytes[this.#at + BLOCK_BYTES] ?? 0;
    this.#sum = (this.#sum - leaving + coming) & 0xffff;
    this.#weighted = (this.#weighted - BLOCK_BYTES * leaving + this.#sum) & 0xffff;
    this.#at += 1;
  }
}

/** The sum of the target's 32-bit words, most significant byte first, the last one filled with zeros. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    sum = (sum + ((a << 24) | (b << 16) | (c << 8) | d)) | 0;
  }
  return sum >>> 0;
}

class PatchBytes {
  #bytes = new Uint8Array(256);
  #length = 0;

  number(value: number, terminator: number): void {
    const digits: number[] = [];
    let rest = value;
    do {
      digits.push(DIGITS[rest % 64] ?? 0);
      rest = Math.floor(rest / 64);
    } while (rest > 0);
    this.#append(Uint8Array.from([...digits.toReversed(), terminator]));
  }

  copy(count: number, offset: number): void {
    this.number(count, AT);
    this.number(offset, COMMA);
  }

  insert(bytes: Uint8Array): void {
    this.number(bytes.length, COLON);
    this.#append(bytes);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
  }
}
