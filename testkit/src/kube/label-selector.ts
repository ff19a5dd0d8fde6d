/** Equality and existence selectors, `a=b,c!=d,e,!f`: the ones the operator uses. */
export function matchesSelector(labels: Readonly<Record<string, string>>, selector: string): boolean {
  return selector
    .split(",")
    .filter((term) => term !== "")
    .every((term) => {
      const unequal = /^([^!=]+)!=(.*)$/.exec(term);
      if (unequal !== null) return labels[unequal[1] ?? ""] !== unequal[2];
      const equal = /^([^=]+)==?(.*)$/.exec(term);
      if (equal !== null) return labels[equal[1] ?? ""] === equal[2];
      return term.startsWith("!") ? labels[term.slice(1)] === undefined : labels[term] !== undefined;
    });
}
