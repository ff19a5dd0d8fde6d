export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const closingLine = /^(\d+) passed, (\d+) failed, (\d+) skipped$/;

/** The counts of a runner's closing line; `undefined` for every other line. */
export function parseClosingLine(line: string): Counts | undefined {
  const [, passed, failed, skipped] = closingLine.exec(line.trim()) ?? [];
  return passed === undefined
    ? undefined
    : { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}

export function add(one: Counts, other: Counts): Counts {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed, skipped: one.skipped + other.skipped };
}

export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
