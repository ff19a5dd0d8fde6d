/** Called with what happened. */
export type Listener<Event> = (event: Event) => void;

/** Takes the listener away again; safe to call twice. */
export type Unlisten = () => void;

/** Typed events, by name. A listener that throws disturbs nobody: its error is reported as an uncaught one. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): Unlisten {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A wrapper of its own, so that one function may listen twice.
    const entry: Listener<Events[Name]> = (event) => listener(event);
    listeners.add(entry);
    return () => listeners.delete(entry);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of Array.from(this.#listeners.get(name) ?? []))
      guarded(() => (listener as Listener<Events[Name]>)(event));
  }
}

/** Runs code of the application; answers with what it did, or with undefined where it threw. */
export function guarded<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return undefined;
  }
}
