/** Lets a bounded number of reads be under way at once: after an interruption every room of a node wants one. */
export class ReadPacer {
  readonly #atOnce: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    else this.#running += 1;
    try {
      return await read();
    } finally {
      // The place is handed on, not given back.
      const [next] = this.#waiting;
      if (next === undefined) this.#running -= 1;
      else {
        this.#waiting.delete(next);
        next();
      }
    }
  }
}
