import { stripVTControlCharacters } from "node:util";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const closingLine = /^(\d+) passed, (\d+) failed, (\d+) skipped$/;

const FAILURE = "failed: ";
/** Enough to tell which of several checks it was. */
const MESSAGE_LENGTH = 600;

/** One line for one failed test. */
export function failureLine(name: string, message = ""): string {
  const text = stripVTControlCharacters(message).replaceAll(/\s+/g, " ");
  return `${FAILURE}${name}: ${text.length > MESSAGE_LENGTH ? `${text.slice(0, MESSAGE_LENGTH)}…` : text}`;
}

export function isFailureLine(line: string): boolean {
  return line.startsWith(FAILURE);
}

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
