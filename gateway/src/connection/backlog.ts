import type { FrameBatch, Framing } from "../transport/framing.ts";

/**
 * What waits for a connection, as a chain of lines that only grows. Connections that got the same lines in the same order stand
 * on the same element, so the frames for it are built once and shared: appending a publication for 10,000 subscribers of one
 * room makes one element, and flushing them builds one buffer.
 *
 *   root ──► line 1 ──► line 2   (tail of a and b)
 *                  └──► line 3   (tail of c)
 */
export class Backlog {
  /** Bytes of the lines and their separators. */
  readonly bytes: number;
  readonly #framing: Framing;
  readonly #previous: Backlog | undefined;
  readonly #line: Buffer | undefined;
  readonly #count: number;
  // The element last appended here: a publication visits its subscribers one after the other, so one slot is enough.
  #next: Backlog | undefined;
  #batch: FrameBatch | undefined;

  private constructor(framing: Framing, previous?: Backlog, line?: Buffer) {
    this.#framing = framing;
    this.#previous = previous;
    this.#line = line;
    this.#count = previous === undefined ? 0 : previous.#count + 1;
    this.bytes = previous === undefined || line === undefined ? 0 : previous.bytes + line.length + 1;
  }

  static root(framing: Framing): Backlog {
    return new Backlog(framing);
  }

  append(line: Buffer): Backlog {
    const next = this.#next;
    if (next !== undefined && next.#line === line) return next;
    const made = new Backlog(this.#framing, this, line);
    this.#next = made;
    return made;
  }

  /** Lets go of what was appended here last, so that an idle root keeps no message alive. */
  forget(): void {
    this.#next = undefined;
  }

  batch(): FrameBatch {
    this.#batch ??= this.#framing.batch(this.#lines());
    return this.#batch;
  }

  #lines(): readonly Buffer[] {
    const lines: Buffer[] = Array.from({ length: this.#count });
    this.#writeInto(lines);
    let before = this.#previous;
    while (before !== undefined) {
      before.#writeInto(lines);
      before = before.#previous;
    }
    return lines;
  }

  #writeInto(lines: Buffer[]): void {
    if (this.#line !== undefined) lines[this.#count - 1] = this.#line;
  }
}
