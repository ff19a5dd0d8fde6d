/** Globs over channel names: `*` is any text, `?` any one character (a UTF-16 unit); everything else is itself. */

/** Takes at most |name| × |pattern| steps, whatever the pattern. */
export function matchesGlob(pattern: string, name: string): boolean {
  let inPattern = 0;
  let inName = 0;
  // Only the latest star is ever gone back to: what an earlier one took can always stay as it is.
  let star = -1;
  let starName = 0;
  while (inName < name.length) {
    const wanted = pattern[inPattern];
    if (wanted === "*") {
      star = inPattern++;
      starName = inName;
    } else if (wanted === "?" || wanted === name[inName]) {
      inPattern += 1;
      inName += 1;
    } else if (star === -1) {
      return false;
    } else {
      inPattern = star + 1;
      inName = ++starName;
    }
  }
  while (pattern[inPattern] === "*") inPattern += 1;
  return inPattern === pattern.length;
}
