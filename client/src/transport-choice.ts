import type { Environment, Format, TransportFactory } from "./transport.ts";

/** Keeps the name of the transport that works, so that the next page begins with it; per network where it can tell them apart. */
export interface TransportMemory {
  load(): string | undefined;
  save(name: string): void;
}

export interface ChoiceOptions {
  /** The preferred one first. */
  readonly factories: readonly TransportFactory[];
  readonly format: Format;
  readonly environment: Environment;
  readonly memory?: TransportMemory;
}

/** After so long with another transport the preferred one gets a try. */
export const PREFERRED_AGAIN_MS = 600_000;

/** Which transport the next connection uses: the next one after each that could not be opened, around and around. */
export class TransportChoice {
  readonly #usable: readonly TransportFactory[];
  readonly #memory: TransportMemory | undefined;
  #index = 0;
  #chosenMs: number | undefined;

  constructor({ factories, format, environment, memory }: ChoiceOptions) {
    this.#usable = factories.filter((factory) => factory.formats.includes(format) && factory.isSupported(environment));
    this.#memory = memory;
    const remembered = this.#usable.findIndex(({ name }) => name === memory?.load());
    this.#index = Math.max(0, remembered);
  }

  /** Undefined where nothing works here. */
  next(nowMs: number): TransportFactory | undefined {
    if (this.#chosenMs !== undefined && nowMs - this.#chosenMs > PREFERRED_AGAIN_MS) this.reset();
    return this.#usable[this.#index];
  }

  /** A connection over the chosen one was established. */
  worked(nowMs: number): void {
    const factory = this.#usable[this.#index];
    if (factory === undefined) return;
    if (this.#index > 0) this.#chosenMs ??= nowMs;
    this.#memory?.save(factory.name);
  }

  /** It could not be. */
  failed(): void {
    this.#chosenMs = undefined;
    if (this.#usable.length > 0) this.#index = (this.#index + 1) % this.#usable.length;
  }

  /** Begins with the preferred one again: the network is another. */
  reset(): void {
    this.#index = 0;
    this.#chosenMs = undefined;
  }
}
