/** A hash of JSON values that does not depend on the order of keys: the same on every replica and in every release. */

const offset = 0xcbf29ce484222325n;
const prime = 0x100000001b3n;
const mask = 0xffffffffffffffffn;
/** Characters of base 32 that are kept: 60 of the 64 bits. */
const length = 12;

/** FNV-1a, 64 bits, over the sorted JSON text. Not for secrets. */
export function stableHash(value: unknown): string {
  let hash = offset;
  for (const byte of new TextEncoder().encode(sortedJson(value))) hash = ((hash ^ BigInt(byte)) * prime) & mask;
  return hash
    .toString(32)
    .padStart(length + 1, "0")
    .slice(-length);
}

function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${sortedJson(each)}`).join(",")}}`;
}
