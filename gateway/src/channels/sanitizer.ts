/** Takes out of named strings what a browser would run. */
import sanitizeHtml from "sanitize-html";

export interface SanitizeTarget {
  readonly path: string;
  readonly allowedTags?: readonly string[] | undefined;
}

/** The value with its targets sanitized, and whether anything became another text. Changes the value in place. */
export type Sanitizer = (value: unknown) => { readonly value: unknown; readonly isChanged: boolean };

/** What stays where a rule names nothing. */
const DEFAULT_TAGS: readonly string[] = [
  "b",
  "i",
  "em",
  "strong",
  "code",
  "pre",
  "p",
  "br",
  "ul",
  "ol",
  "li",
  "blockquote",
  "a",
];
/** Deeper markup is dropped: closing it all again costs the square of its depth. */
const MAX_NESTING = 32;

type Clean = (html: string) => string;

export function compileSanitizer(targets: readonly SanitizeTarget[]): Sanitizer {
  const compiled = targets.map(({ path, allowedTags }) => ({ steps: stepsOf(path), clean: cleanerOf(allowedTags) }));
  return (value) => {
    const root = { value };
    let isChanged = false;
    for (const { steps, clean } of compiled) isChanged = apply(root, "value", steps, clean) || isChanged;
    return { value: root.value, isChanged };
  };
}

function cleanerOf(allowedTags: readonly string[] = DEFAULT_TAGS): Clean {
  const options: sanitizeHtml.IOptions = {
    allowedTags: [...allowedTags],
    allowedAttributes: { a: ["href"] },
    allowedSchemes: ["http", "https", "mailto"],
    allowProtocolRelative: false,
    disallowedTagsMode: "discard",
    nestingLimit: MAX_NESTING,
  };
  return (html) => (hasMarkup(html) ? sanitizeHtml(html, options) : html);
}

/** Text without these is the same as HTML and as text. */
function hasMarkup(text: string): boolean {
  return /[<>&"]/.test(text);
}

/** Steps of a JSON pointer; `*` is every child. */
function stepsOf(pointer: string): readonly string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

type Container = Record<string, unknown>;

/** Whether something became another text. Strings below the target count as well: a list of one string shows like the string. */
function apply(parent: object, key: string, steps: readonly string[], clean: Clean): boolean {
  const [step, ...rest] = steps;
  const container = parent as Container;
  const value = Object.hasOwn(parent, key) ? container[key] : undefined;
  if (typeof value === "string" && step === undefined) {
    const cleaned = clean(value);
    if (cleaned === value) return false;
    container[key] = cleaned;
    return true;
  }
  if (typeof value !== "object" || value === null) return false;
  const keys = step === undefined || step === "*" ? Object.keys(value) : [step];
  return keys.reduce((isChanged, each) => apply(value, each, rest, clean) || isChanged, false);
}
