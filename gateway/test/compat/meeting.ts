/** Where the clients of all SDKs wait for each other, before something is done to the server once for all of them. */
export class Meeting {
  readonly #act: () => Promise<void>;
  readonly #done = Promise.withResolvers<void>();
  #missing: number;

  constructor(participants: number, act: () => Promise<void>) {
    this.#missing = participants;
    this.#act = act;
  }

  /** Resolves when all have come and what they waited for is done. */
  async arrive(): Promise<void> {
    this.#missing -= 1;
    if (this.#missing === 0) this.#act().then(this.#done.resolve, this.#done.reject);
    await this.#done.promise;
  }
}
