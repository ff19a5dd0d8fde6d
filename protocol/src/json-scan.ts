/**
 * Finds pieces of JSON text without re-printing them: a payload must reach subscribers byte for byte (PAY1), so that numbers
 * beyond double precision, key order and escapes survive. All functions expect text that JSON.parse accepts and stay inside
 * its bounds for any other text too.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Whether objects and arrays are nested deeper than `levels`. Stops at the first level too many. */
export function isDeeperThan(text: string, levels: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > levels) return true;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
  }
  return false;
}

/**
 * The JSON text of the member at `path`, or undefined when there is none. Of a key that occurs twice the last one counts,
 * as in JSON.parse.
 */
export function rawMember(text: string, path: readonly string[]): string | undefined {
  const slice = sliceAt(text, path);
  return slice === undefined ? undefined : text.slice(slice.start, slice.end);
}

/**
 * The JSON texts of all members of the object at `path`, in one pass: asking rawMember for each would read the text once per
 * member, which took 7 s for a frame of 64 KiB.
 */
export function rawMembers(text: string, path: readonly string[]): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  const slice = sliceAt(text, path);
  if (slice !== undefined) {
    eachMember(text, slice, (key, value) => void members.set(keyOf(text, key), text.slice(value.start, value.end)));
  }
  return members;
}

interface Slice {
  readonly start: number;
  readonly end: number;
}

function sliceAt(text: string, path: readonly string[]): Slice | undefined {
  let slice: Slice | undefined = { start: skipSpace(text, 0), end: text.length };
  for (const key of path) {
    slice = memberOf(text, slice, key);
    if (slice === undefined) return undefined;
  }
  return slice;
}

function memberOf(text: string, object: Slice, key: string): Slice | undefined {
  let found: Slice | undefined;
  eachMember(text, object, (name, value) => {
    if (keyOf(text, name) === key) found = value;
  });
  return found;
}

/** `key` stands with its quotes. */
function eachMember(text: string, object: Slice, take: (key: Slice, value: Slice) => void): void {
  if (text.charCodeAt(object.start) !== OPEN_BRACE) return;
  let at = skipSpace(text, object.start + 1);
  while (at < object.end && text.charCodeAt(at) === QUOTE) {
    const keyEnd = endOfString(text, at);
    const key = { start: at, end: keyEnd };
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== COLON) return;
    const start = skipSpace(text, at + 1);
    const end = endOfValue(text, start);
    take(key, { start, end });
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COMMA) return;
    at = skipSpace(text, at + 1);
  }
}

function keyOf(text: string, { start, end }: Slice): string {
  const inside = text.slice(start + 1, end - 1);
  // An escape may spell the same key another way.
  return inside.includes("\\") ? (JSON.parse(text.slice(start, end)) as string) : inside;
}

/** Index after the closing quote of the string that starts at `at`. */
function endOfString(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? text.length : quote + 1;
}

/** A quote is escaped when an odd number of backslashes stands before it. */
function isEscaped(text: string, quote: number): boolean {
  let at = quote - 1;
  while (at >= 0 && text.charCodeAt(at) === BACKSLASH) at -= 1;
  return (quote - at) % 2 === 0;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return endOfContainer(text, start);
  let at = start;
  while (at < text.length && !endsScalar(text.charCodeAt(at))) at += 1;
  return at;
}

function endOfContainer(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

function endsScalar(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || isSpace(code);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

/** One line of JSON: newlines stand only between tokens of valid JSON, so they can go without changing a value (PAY2). */
export function withoutNewlines(json: string): string {
  return json.includes("\n") || json.includes("\r") ? json.replaceAll(/[\r\n]+/g, "") : json;
}

/** The JSON texts of an array's elements, or undefined when the text is no array. Expects text that JSON.parse accepts. */
export function rawElements(text: string): readonly string[] | undefined {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACKET) return undefined;
  const elements: string[] = [];
  at = skipSpace(text, at + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = endOfValue(text, at);
    elements.push(text.slice(at, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipSpace(text, at + 1);
  }
  return elements;
}
