import { CommandError } from "./command.ts";
import { readText } from "./state-files.ts";

/** A step that failed: its name, and the log that tells why where it has one. */
class StepError extends Error {
  readonly log: string | undefined;

  constructor(failed: string, log: string | undefined, cause: unknown) {
    super(`${failed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "StepError";
    this.log = log;
  }
}

export type Outcome = "done" | "unchanged";

export interface Running {
  /** What is going on now; shown from time to time while the step lasts. */
  readonly note: (detail: string) => void;
}

const quietMs = 5_000;
const shownLines = 15;

/** Seconds with one decimal, for people. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

/** Progress goes to standard error, so that `make -s env` can be evaluated. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Runs one step; says when it is done and how long that took, and every five seconds that it is still running. */
export async function step(name: string, work: (running: Running) => Promise<Outcome>, log?: string): Promise<Outcome> {
  const started = performance.now();
  let detail = "";
  const timer = setInterval(() => {
    say(`  …  ${name} (${seconds(performance.now() - started)})${detail === "" ? "" : ` ${detail}`}`);
  }, quietMs);
  try {
    const outcome = await work({
      note: (text) => {
        detail = text;
      },
    });
    const took = seconds(performance.now() - started);
    say(outcome === "done" ? `  ✓  ${name} (${took})` : `  ·  ${name}: as it was`);
    return outcome;
  } catch (error) {
    // An inner step has said it already.
    if (error instanceof StepError) throw error;
    say(`  ✗  ${name} (${seconds(performance.now() - started)})`);
    throw new StepError(name, log, error);
  } finally {
    clearInterval(timer);
  }
}

/** What a person needs to see of a failure: the step, the end of its output or log, and where the rest is. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof StepError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const parts = [`failed: ${error.message}`];
  if (error.cause instanceof CommandError)
    parts.push(...error.cause.output.slice(-shownLines).map((line) => `  | ${line}`));
  if (error.log !== undefined) {
    const last = (readText(error.log) ?? "").trimEnd().split("\n").slice(-shownLines);
    parts.push(`the last lines of ${error.log} (the rest is there):`, ...last.map((line) => `  | ${line}`));
  }
  return parts.join("\n");
}
