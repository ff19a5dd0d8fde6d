/** Bans that a node remembers; the one that ends first is forgotten first in Redis, the oldest here. */
export const MAX_BANS = 20_000;

/** Who is banned until when, by the caller's clock. */
export class BanTable {
  readonly #untilMs = new Map<string, number>();

  get size(): number {
    return this.#untilMs.size;
  }

  has(name: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(name);
    if (untilMs === undefined) return false;
    if (untilMs > nowMs) return true;
    this.#untilMs.delete(name);
    return false;
  }

  /** The longer of two bans counts. */
  add(name: string, untilMs: number): void {
    const longest = Math.max(untilMs, this.#untilMs.get(name) ?? 0);
    this.#untilMs.delete(name);
    this.#untilMs.set(name, longest);
    if (this.#untilMs.size <= MAX_BANS) return;
    const oldest = this.#untilMs.keys().next();
    if (oldest.done !== true) this.#untilMs.delete(oldest.value);
  }

  /** What has not ended; what has is forgotten. */
  entries(nowMs: number): readonly (readonly [name: string, untilMs: number])[] {
    for (const [name, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(name);
    return [...this.#untilMs];
  }
}
