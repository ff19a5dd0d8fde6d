/** Keys of one connection; more, and the one that was not renewed for longest is left out. */
const MAX_LINES = 64;

/** Lines of which only the newest with the same key matters, in bounded memory, oldest first. */
export class LatestLines {
  readonly #onLeftOut: () => void;
  readonly #lines = new Map<string, Buffer>();
  #bytes = 0;

  constructor(onLeftOut: () => void) {
    this.#onLeftOut = onLeftOut;
  }

  get size(): number {
    return this.#lines.size;
  }

  keep(key: string, line: Buffer, maxBytes: number): void {
    this.leaveOut(key);
    this.#lines.set(key, line);
    this.#bytes += line.length;
    while (this.#lines.size > MAX_LINES || this.#bytes > maxBytes) {
      this.takeOldest();
      this.#onLeftOut();
    }
  }

  leaveOut(key: string): void {
    const line = this.#lines.get(key);
    if (line === undefined) return;
    this.#lines.delete(key);
    this.#bytes -= line.length;
    this.#onLeftOut();
  }

  takeOldest(): Buffer | undefined {
    const oldest = this.#lines.entries().next();
    if (oldest.done === true) return undefined;
    const [key, line] = oldest.value;
    this.#lines.delete(key);
    this.#bytes -= line.length;
    return line;
  }

  clear(): void {
    this.#lines.clear();
    this.#bytes = 0;
  }
}
