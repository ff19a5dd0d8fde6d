/** A hash of JSON values that does not depend on the order of keys: the same on every replica and in every release. */

/** Characters of base 32 per lane: 30 of its 32 bits. */
const CHARS_PER_LANE = 6;

/** 12 characters, 60 bits, in two lanes of 32 (BigInt would cost a pass most of its time). Not for secrets. */
export function stableHash(value: unknown): string {
  const text = sortedJson(value);
  let a = 0x9e3779b9;
  let b = 0x7f4a7c15;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    a = Math.imul(a ^ unit, 0x85ebca6b);
    b = Math.imul(b ^ unit, 0xc2b2ae35);
    // Each lane sees the high bits of the other, or equal changes could cancel out in both.
    a ^= b >>> 17;
    b ^= a >>> 13;
  }
  return lane(a ^ (a >>> 16)) + lane(b ^ (b >>> 16));
}

function lane(bits: number): string {
  return (Math.imul(bits, 0x27d4eb2f) >>> 2).toString(32).padStart(CHARS_PER_LANE, "0");
}

function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${sortedJson(each)}`).join(",")}}`;
}
