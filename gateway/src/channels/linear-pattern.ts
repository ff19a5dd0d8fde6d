/** Regular expressions that take time proportional to the text, whatever the text is. */
import { RE2JS } from "re2js";

export interface LinearPattern {
  readonly source: string;
  /** Whether some part of the text fits. */
  test(text: string): boolean;
  /** Whether the whole text fits. */
  fits(text: string): boolean;
}

/** A longer one, or one whose counted repetitions come to more, would be too large a machine to step through for each character. */
const MAX_SOURCE_CHARS = 256;
const MAX_REPEATS = 256;

/** Undefined when it is no RE2 expression or too large. */
export function linearPattern(source: string): LinearPattern | undefined {
  if (source.length > MAX_SOURCE_CHARS || repeats(source) > MAX_REPEATS) return undefined;
  try {
    const compiled = RE2JS.compile(source, RE2JS.DOTALL);
    return {
      source,
      test: (text) => compiled.test(text),
      fits: (text) => compiled.testExact(text),
    };
  } catch {
    // It throws what its parser finds; the caller says which expression it was.
    return undefined;
  }
}

/** A glob: `*` is any text, `?` any character, everything else itself. */
export function globPattern(glob: string): LinearPattern | undefined {
  const source = Array.from(glob, (character) => {
    if (character === "*") return ".*";
    return character === "?" ? "." : RE2JS.quote(character);
  });
  return linearPattern(source.join(""));
}

function repeats(source: string): number {
  return [...source.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].reduce(
    (sum, [, from, to]) => sum + Math.max(Number(from), Number(to ?? 0)),
    0,
  );
}
