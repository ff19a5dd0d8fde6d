import type { Clock } from "../clock.ts";

/** A server that could not be asked is left alone for this time, milliseconds. */
const RETRY_MS = 1_000;

export interface ReplicaProcessesOptions {
  readonly clock: Pick<Clock, "nowMs">;
  /** Connects to the server at `host:port` and reads its run id. */
  readonly readRunId: (address: string) => Promise<string>;
  /** A server cannot be asked; told once until it can. */
  readonly onUnknown: (address: string) => void;
}

/** Which process answers at an address: an address may be given to another one, a run id never is. */
export class ReplicaProcesses {
  readonly #options: ReplicaProcessesOptions;
  readonly #runIds = new Map<string, string>();
  readonly #failedAtMs = new Map<string, number>();
  readonly #reading = new Map<string, Promise<void>>();

  constructor(options: ReplicaProcessesOptions) {
    this.#options = options;
  }

  /** Those that can be known, as the scripts want them: `,a,b,` in order. */
  async runIdsOf(addresses: readonly string[]): Promise<string> {
    const unknown = addresses.filter((address) => !this.#runIds.has(address) && !this.#failedLately(address));
    if (unknown.length > 0) await Promise.all(unknown.map((address) => this.#learn(address)));
    const known = addresses.flatMap((address) => this.#runIds.get(address) ?? []);
    return `,${known
      .toSorted()
      .map((runId) => `${runId},`)
      .join("")}`;
  }

  /** Undefined where it could not be asked. */
  runIdOf(address: string): string | undefined {
    return this.#runIds.get(address);
  }

  /** Asks anew. True when all of them answered. */
  async learn(addresses: readonly string[]): Promise<boolean> {
    for (const known of [this.#runIds, this.#failedAtMs])
      for (const address of known.keys()) if (!addresses.includes(address)) known.delete(address);
    await Promise.all(addresses.map((address) => this.#learn(address)));
    return addresses.every((address) => this.#runIds.has(address));
  }

  #learn(address: string): Promise<void> {
    const reading = this.#reading.get(address) ?? this.#read(address);
    this.#reading.set(address, reading);
    return reading;
  }

  async #read(address: string): Promise<void> {
    try {
      this.#runIds.set(address, await this.#options.readRunId(address));
      this.#failedAtMs.delete(address);
    } catch {
      // It stays unknown: no failover to it is proved, and who needs it is told to wait.
      this.#runIds.delete(address);
      if (!this.#failedAtMs.has(address)) this.#options.onUnknown(address);
      this.#failedAtMs.set(address, this.#options.clock.nowMs());
    } finally {
      this.#reading.delete(address);
    }
  }

  #failedLately(address: string): boolean {
    const failedAtMs = this.#failedAtMs.get(address);
    return failedAtMs !== undefined && this.#options.clock.nowMs() - failedAtMs < RETRY_MS;
  }
}
