/** Which headers of a client reach the application. Pure. */

/** Longest value that is passed on, bytes; servers refuse heads of 8 or 16 KiB as a whole. */
const MAX_VALUE_LENGTH = 4096;
/** Visible text as RFC 9110 §5.5 has it: anything else would break the request, or be another one. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** `names` are lower case. A value that cannot be a header is left out. */
export function passedHeaders(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const passed: Record<string, string> = {};
  for (const name of names) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (value !== undefined && value.length <= MAX_VALUE_LENGTH && VALUE.test(value)) passed[name] = value;
  }
  return passed;
}
