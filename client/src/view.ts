import type { Unlisten } from "./emitter.ts";

/** Something that changes, seen from outside: what frameworks of user interfaces bind to. */
export interface View<T> {
  /** The same object until something has changed. Up to date only while somebody listens. */
  readonly snapshot: T;
  /** Calls back after changes, those of one turn together. The first listener begins the work behind the view, the last one ends it. */
  listen(onChange: () => void): Unlisten;
}

/** Puts another snapshot in place of the one before. */
export type Change<T> = (next: (before: T) => T) => void;

/** A view on what `start` tells; `start` answers with what ends it. */
export class LiveView<T> implements View<T> {
  readonly #start: (change: Change<T>) => () => void;
  readonly #listeners = new Set<() => void>();
  #snapshot: T;
  #stop: (() => void) | undefined;
  #isNotifying = false;

  constructor(initial: T, start: (change: Change<T>) => () => void) {
    this.#snapshot = initial;
    this.#start = start;
  }

  get snapshot(): T {
    return this.#snapshot;
  }

  listen(onChange: () => void): Unlisten {
    const listener = (): void => onChange();
    this.#listeners.add(listener);
    this.#stop ??= this.#start((next) => this.#become(next(this.#snapshot)));
    return () => {
      this.#listeners.delete(listener);
      // Whoever listens again in the same turn, as React does in its strict mode, finds everything as it was.
      queueMicrotask(() => this.#stopUnheard());
    };
  }

  #become(snapshot: T): void {
    if (Object.is(snapshot, this.#snapshot)) return;
    this.#snapshot = snapshot;
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    queueMicrotask(() => {
      this.#isNotifying = false;
      for (const listener of this.#listeners) listener();
    });
  }

  #stopUnheard(): void {
    if (this.#listeners.size > 0) return;
    const stop = this.#stop;
    this.#stop = undefined;
    stop?.();
  }
}
