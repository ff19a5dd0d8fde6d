import { guarded } from "./emitter.ts";
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
  readonly memory?: TransportMemory | undefined;
}

/** After so long with another transport the preferred one gets a try. */
export const PREFERRED_AGAIN_MS = 600_000;
/** A transport that has worked is not blocked: its failures are more likely the server's, or those of a network that is gone. */
const PROVEN_TRIES = 3;
/** So the preferred one gets its next try soon where it has worked before. */
export const PROVEN_AGAIN_MS = 30_000;

/** Which transport the next connection uses: the next one after each that could not be opened, around and around. */
export class TransportChoice {
  readonly #usable: readonly TransportFactory[];
  readonly #memory: TransportMemory | undefined;
  readonly #proven = new Set<TransportFactory>();
  #index = 0;
  /** Of the chosen one, in a row. */
  #failures = 0;
  #chosenMs: number | undefined;

  constructor({ factories, format, environment, memory }: ChoiceOptions) {
    this.#usable = factories.filter((factory) => factory.formats.includes(format) && factory.isSupported(environment));
    this.#memory = memory;
    const remembered = this.#usable.findIndex(({ name }) => name === memory?.load());
    this.#index = Math.max(0, remembered);
  }

  /** Undefined where nothing works here. */
  next(nowMs: number): TransportFactory | undefined {
    const [preferred] = this.#usable;
    const againMs = preferred !== undefined && this.#proven.has(preferred) ? PROVEN_AGAIN_MS : PREFERRED_AGAIN_MS;
    if (this.#chosenMs !== undefined && nowMs - this.#chosenMs > againMs) this.reset();
    return this.#usable[this.#index];
  }

  /** A connection over the chosen one was established. */
  worked(nowMs: number): void {
    const factory = this.#usable[this.#index];
    if (factory === undefined) return;
    this.#proven.add(factory);
    this.#failures = 0;
    if (this.#index > 0) this.#chosenMs ??= nowMs;
    guarded(() => this.#memory?.save(factory.name));
  }

  /** It could not be. */
  failed(): void {
    this.#chosenMs = undefined;
    const factory = this.#usable[this.#index];
    if (factory === undefined) return;
    this.#failures += 1;
    if (this.#proven.has(factory) && this.#failures < PROVEN_TRIES) return;
    this.#failures = 0;
    this.#index = (this.#index + 1) % this.#usable.length;
  }

  /** Begins with the preferred one again: the network is another. */
  reset(): void {
    this.#index = 0;
    this.#failures = 0;
    this.#chosenMs = undefined;
  }
}
