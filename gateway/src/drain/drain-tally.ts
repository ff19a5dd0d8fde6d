import type { DrainReport, DrainStatus } from "@belay/protocol/control";

/** What became of the connections of one drain, also where it gave up and began anew. */
export class DrainTally {
  readonly startedMs: number;
  readonly #atStart: number;
  readonly #counts: Record<"moved" | "closed" | "forced", number>;
  #isUnfinished = false;

  constructor(atStart: number, startedMs: number, counts = { moved: 0, closed: 0, forced: 0 }) {
    this.startedMs = startedMs;
    this.#atStart = atStart;
    this.#counts = counts;
  }

  /** It was aborted: who had begun to move may still do, and the others are to leave when it begins anew. */
  get isUnfinished(): boolean {
    return this.#isUnfinished;
  }

  /** Of the drain that begins now: it counts on where this one is unfinished. */
  next(sockets: number, nowMs: number): DrainTally {
    return this.#isUnfinished ? new DrainTally(this.#atStart, nowMs, this.#counts) : new DrainTally(sockets, nowMs);
  }

  /** The pod stays: a later drain is another one. */
  takeBack(): void {
    this.#isUnfinished = false;
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

  end(outcome: DrainReport["outcome"], open: number, nowMs: number): DrainReport {
    this.#isUnfinished = outcome === "aborted";
    const tookSeconds = Math.round((nowMs - this.startedMs) / 1000);
    return { outcome, ...this.counts(open), stayed: open, tookSeconds };
  }
}
