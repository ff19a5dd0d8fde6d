interface Sighting {
  readonly run: string;
  readonly mark: number;
}

/**
 * Remembers in which order this node learned what servers run and saw keys with them. A process that was known before a key was seen
 * elsewhere, and that is still the same, has forgotten nothing of what came to it since.
 */
export class RunWitness {
  #count = 0;
  readonly #learnedAt = new Map<string, number>();
  readonly #seen = new Map<string, Sighting>();

  mark(): number {
    return (this.#count += 1);
  }

  /** True for a run that was not known. */
  learned(run: string): boolean {
    if (this.#learnedAt.has(run)) return false;
    this.#learnedAt.set(run, this.mark());
    return true;
  }

  /** The key was where that run is at some time after the mark. */
  served(key: string, run: string, mark: number): void {
    const seen = this.#seen.get(key);
    if (seen === undefined || seen.mark < mark) this.#seen.set(key, { run, mark });
  }

  /** Whether `run` was known before the key was last seen, with `former`. */
  knewBefore(run: string, key: string, former: string): boolean {
    const seen = this.#seen.get(key);
    const learnedAt = this.#learnedAt.get(run);
    return seen?.run === former && learnedAt !== undefined && learnedAt < seen.mark;
  }
}
