import { KubeError, type KubeObject, type Resource } from "@belay/operator/internal";

export interface Change {
  readonly bookmark?: false;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly version: number;
  readonly resource: Resource;
  readonly object: KubeObject;
  /** What it was, for watches that saw it by its labels. */
  readonly before: KubeObject | undefined;
}

interface Bookmark {
  readonly bookmark: true;
  readonly version: number;
}

type Entry = Change | Bookmark;

/** The history of changes that watches follow, from any version that is still remembered. */
export class WatchLog {
  readonly #entries: Entry[] = [];
  readonly #wake = new Set<() => void>();
  #forgottenUpTo = 0;
  #cuts = 0;
  #ends = 0;

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#wakeAll();
  }

  bookmark(version: number): void {
    this.add({ bookmark: true, version });
  }

  cut(): void {
    this.#cuts += 1;
    this.#wakeAll();
  }

  end(): void {
    this.#ends += 1;
    this.#wakeAll();
  }

  compact(): void {
    this.#forgottenUpTo = this.#entries.at(-1)?.version ?? this.#forgottenUpTo;
    this.#entries.length = 0;
    this.cut();
  }

  async *follow(version: number, signal: AbortSignal): AsyncGenerator<Entry> {
    const [cuts, ends] = [this.#cuts, this.#ends];
    if (version < this.#forgottenUpTo) throw new KubeError(410, "Expired", "too old resource version");
    let at = this.#entries.findIndex((entry) => entry.version > version);
    if (at === -1) at = this.#entries.length;
    while (!signal.aborted && this.#ends === ends) {
      if (this.#cuts !== cuts) throw new TypeError("terminated");
      const entry = this.#entries[at];
      if (entry !== undefined) {
        at += 1;
        yield entry;
      } else await this.#changed(signal);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #wakeAll(): void {
    const waiting = Array.from(this.#wake);
    for (const wake of waiting) wake();
  }
}
