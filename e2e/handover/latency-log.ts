/** When something was published and how long it took to be shown, hundreds of thousands of times: numbers only, so that keeping them costs the process that measures next to nothing. */
export class LatencyLog {
  /** Number of entries. */
  length = 0;
  #sentMs = new Float64Array(65_536);
  #latencyMs = new Float64Array(65_536);

  add(sentMs: number, latencyMs: number): void {
    if (this.length === this.#sentMs.length) {
      this.#sentMs = twice(this.#sentMs);
      this.#latencyMs = twice(this.#latencyMs);
    }
    this.#sentMs[this.length] = sentMs;
    this.#latencyMs[this.length] = latencyMs;
    this.length += 1;
  }

  /** Latencies of what was published in a span of time, milliseconds. */
  between(fromMs: number, toMs: number): readonly number[] {
    const found: number[] = [];
    for (let index = 0; index < this.length; index += 1) {
      const sentMs = this.#sentMs[index] ?? 0;
      if (sentMs >= fromMs && sentMs < toMs) found.push(this.#latencyMs[index] ?? 0);
    }
    return found;
  }
}

function twice(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(2 * values.length);
  wider.set(values);
  return wider;
}
