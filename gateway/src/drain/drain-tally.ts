import type { DrainReport, DrainStatus } from "@belay/protocol/control";

/** What became of the connections of one drain. */
export class DrainTally {
  readonly startedMs: number;
  readonly #atStart: number;
  readonly #counts = { moved: 0, closed: 0, forced: 0 };

  constructor(atStart: number, startedMs: number) {
    this.startedMs = startedMs;
    this.#atStart = atStart;
  }

  count(how: "moved" | "closed" | "forced"): void {
    this.#counts[how] += 1;
  }

  /** @param open connections that there are. */
  counts(open: number): Required<Pick<DrainStatus, "atStart" | "moved" | "closed" | "forced" | "left">> {
    const { moved, closed, forced } = this.#counts;
    const left = Math.max(0, this.#atStart - moved - closed - forced - open);
    return { atStart: this.#atStart, moved, closed, forced, left };
  }

  report(outcome: DrainReport["outcome"], open: number, nowMs: number): DrainReport {
    const tookSeconds = Math.round((nowMs - this.startedMs) / 1000);
    return { outcome, ...this.counts(open), stayed: open, tookSeconds };
  }
}
