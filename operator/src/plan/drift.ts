/** Whether a live object still says what we want: our fields must be there with our values, other fields are others' business. */

export function isDrifted(wanted: unknown, live: unknown): boolean {
  if (Array.isArray(wanted)) return isListDrifted(wanted, live);
  if (typeof wanted !== "object" || wanted === null) return !isSameScalar(wanted, live);
  if (typeof live !== "object" || live === null) return !isEmpty(wanted);
  const fields = live as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).some(([key, value]) => value !== undefined && isDrifted(value, fields[key]));
}

/** Lists compare by position, except that the live one may have more. Items with a name are found by it. */
function isListDrifted(wanted: readonly unknown[], live: unknown): boolean {
  if (!Array.isArray(live)) return wanted.length > 0;
  return wanted.some((item, index) => {
    const name = nameOf(item);
    const other: unknown = name === undefined ? live[index] : (live as unknown[]).find((each) => nameOf(each) === name);
    return isDrifted(item, other);
  });
}

function nameOf(item: unknown): string | undefined {
  if (typeof item !== "object" || item === null || !("name" in item)) return undefined;
  return typeof item.name === "string" ? item.name : undefined;
}

/** An API server stores no empty objects. */
function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function isSameScalar(wanted: unknown, live: unknown): boolean {
  if (wanted === live) return true;
  // Falsy values are left out of stored objects.
  if (live === undefined) return wanted === "" || wanted === false || wanted === 0;
  // Quantities are text in one place and numbers in the other.
  return (typeof live === "string" || typeof live === "number") && String(wanted) === String(live);
}
