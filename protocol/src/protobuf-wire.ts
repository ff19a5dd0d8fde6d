/**
 * The Protobuf wire: tags, varints and length-delimited pieces. The reader never leaves its bounds and never copies until asked;
 * what it cannot read is a WireProblem, which the decoder turns into a refusal.
 */

/** The input breaks the wire format or a bound. Caught by the decoder, never seen outside. */
export class WireProblem extends Error {
  readonly rule: string;

  /** @param rule id of the rule in PROTOCOL.md. */
  constructor(rule: string, message: string) {
    super(message);
    this.name = "WireProblem";
    this.rule = rule;
  }
}

/** Wire types that protocol messages use; groups are long dead and refused. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/** A varint has at most 10 bytes. */
const MAX_VARINT_BYTES = 10;
const TWO_32 = 2 ** 32;
/** Bytes of a text that is put together by hand: a call of the decoder costs as much as 30 characters. */
const MAX_SHORT_TEXT = 30;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads one field's value into the target; called with the reader behind the field's tag. */
type ReadField<T> = (target: T, reader: ProtobufReader, wireType: number) => void;

/** What a message may hold, by field number. */
export type FieldTable<T> = Readonly<Record<number, ReadField<T>>>;

export class ProtobufReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** Reads every field of a message into `target`: known ones by `fields`, others are skipped. */
  message<T>(target: T, fields: FieldTable<T>): T {
    while (!this.isAtEnd) {
      const tag = this.#varint32();
      const field = tag >>> 3;
      if (field === 0) throw new WireProblem("FRM2", "a field number must be at least 1");
      const read = fields[field];
      if (read === undefined) this.#skip(tag & 7);
      else read(target, this, tag & 7);
    }
    return target;
  }

  uint64(wireType: number): number {
    const [low, high] = this.#longVarint(wireType);
    const value = high * TWO_32 + low;
    if (!Number.isSafeInteger(value)) throw new WireProblem("CMD4", "a number must be below 2⁵³");
    return value;
  }

  uint32(wireType: number): number {
    const [low, high] = this.#longVarint(wireType);
    if (high !== 0) throw new WireProblem("CMD4", "a number must be below 2³²");
    return low;
  }

  int32(wireType: number): number {
    const [low] = this.#longVarint(wireType);
    return low | 0;
  }

  bool(wireType: number): boolean {
    const [low, high] = this.#longVarint(wireType);
    return low !== 0 || high !== 0;
  }

  /** A copy: the frame's memory is not ours to keep. */
  bytes(wireType: number): Uint8Array {
    const { start, end } = this.#piece(wireType);
    const copy = new Uint8Array(end - start);
    // `slice` of a Node Buffer would be a view.
    copy.set(this.#bytes.subarray(start, end));
    return copy;
  }

  string(wireType: number): string {
    const { start, end } = this.#piece(wireType);
    return this.#ascii(start, end) ?? this.#utf8(start, end);
  }

  /** Undefined for a text that is long or has other characters: then the decoder is the faster way. */
  #ascii(start: number, end: number): string | undefined {
    if (end - start > MAX_SHORT_TEXT) return undefined;
    let text = "";
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #utf8(start: number, end: number): string {
    try {
      return utf8.decode(this.#bytes.subarray(start, end));
    } catch {
      throw new WireProblem("CMD4", "a string must be UTF-8");
    }
  }

  /** A reader of the message that stands here. */
  nested(wireType: number): ProtobufReader {
    const { start, end } = this.#piece(wireType);
    return new ProtobufReader(this.#bytes, start, end);
  }

  #piece(wireType: number): { readonly start: number; readonly end: number } {
    if (wireType !== BYTES) throw new WireProblem("CMD4", "a field must have its own type");
    const length = this.#varint32();
    const start = this.#at;
    if (length > this.#end - start) throw new WireProblem("FRM2", "a message must be as long as it says");
    this.#at = start + length;
    return { start, end: this.#at };
  }

  #longVarint(wireType: number): readonly [low: number, high: number] {
    if (wireType !== VARINT) throw new WireProblem("CMD4", "a field must have its own type");
    return this.#varint();
  }

  #varint32(): number {
    const [low, high] = this.#varint();
    if (high !== 0) throw new WireProblem("FRM2", "a length must be below 2³²");
    return low;
  }

  #varint(): readonly [low: number, high: number] {
    let low = 0;
    let high = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      if (this.isAtEnd) throw new WireProblem("FRM2", "a message must be whole");
      const byte = this.#bytes[this.#at++] ?? 0;
      const shift = index * 7;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) return [low >>> 0, high >>> 0];
    }
    throw new WireProblem("FRM2", "a varint must have at most 10 bytes");
  }

  #skip(wireType: number): void {
    if (wireType === VARINT) this.#varint();
    else if (wireType === BYTES) this.#piece(wireType);
    else if (wireType === FIXED64) this.#advance(8);
    else if (wireType === FIXED32) this.#advance(4);
    else throw new WireProblem("FRM2", "a wire type must be known");
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) throw new WireProblem("FRM2", "a message must be whole");
    this.#at += count;
  }
}

const text = new TextEncoder();

/** Collects the fields of a message. Empty values are left out, as Protobuf does. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  uint(field: number, value: number | undefined): this {
    if (value === undefined || value === 0) return this;
    this.#push(varint(field * 8 + VARINT));
    this.#push(varint(value));
    return this;
  }

  bool(field: number, value: boolean | undefined): this {
    return this.uint(field, value === true ? 1 : 0);
  }

  string(field: number, value: string | undefined): this {
    return value === undefined || value === "" ? this : this.#piece(field, text.encode(value));
  }

  bytes(field: number, value: Uint8Array | undefined): this {
    return value === undefined || value.length === 0 ? this : this.#piece(field, value);
  }

  /** The elements of a repeated field; one that is empty counts too. */
  texts(field: number, values: readonly string[]): this {
    for (const value of values) this.#piece(field, text.encode(value));
    return this;
  }

  /** A message is written even when it is empty: that it is there tells something. */
  message(field: number, value: ProtobufWriter | undefined): this {
    return value === undefined ? this : this.#piece(field, value.finish());
  }

  finish(): Uint8Array {
    return concat(this.#parts, this.#length);
  }

  /** The message with its length before it, as it stands in a frame. */
  finishDelimited(): Uint8Array {
    const length = varint(this.#length);
    return concat([length, ...this.#parts], length.length + this.#length);
  }

  #piece(field: number, value: Uint8Array): this {
    this.#push(varint(field * 8 + BYTES));
    this.#push(varint(value.length));
    this.#push(value);
    return this;
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Of a number from 0 to 2⁵³−1. */
function varint(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value);
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
