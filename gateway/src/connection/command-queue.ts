import type { Command } from "@belay/protocol";

export interface CommandQueueOptions {
  /** Carries out one command; nothing is returned when it is done already. */
  readonly run: (command: Command) => Promise<void> | undefined;
  /** A command rejected: a bug, never a client's doing. */
  readonly onFault: (command: Command, error: unknown) => void;
  /** So much is under way that reading should stop, or little enough to go on. */
  readonly onPressure: (isHigh: boolean) => void;
}

/** Commands under way at which reading stops (LIM8); it goes on at half of it. */
const HIGH_WATER = 128;
/** Commands that later ones for the same channel wait for. */
const CHANGES_MEMBERSHIP: ReadonlySet<Command["kind"]> = new Set(["subscribe", "unsubscribe", "sub_refresh"]);

/** Those that change what another pod takes over. */
const CHANGES_SNAPSHOT: ReadonlySet<Command["kind"]> = new Set([...CHANGES_MEMBERSHIP, "refresh"]);

/**
 * Runs a connection's commands. They start in the order they came in; only a command for a channel whose subscribe is under way
 * waits for it (UNS2), so that one slow subscribe holds up nothing else.
 */
export class CommandQueue {
  readonly #options: CommandQueueOptions;
  readonly #membership = new Map<string, Promise<void>>();
  #frozen: Command[] | undefined;
  #underWay = 0;
  #isHigh = false;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
  }

  /** Holds commands that change subscriptions or claims back. */
  freeze(): void {
    this.#frozen ??= [];
  }

  /** Runs what was held back. */
  thaw(): void {
    const frozen = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const command of frozen) this.run(command);
    // What ran at once is not tracked: nobody else would let the reading go on.
    if (this.#underWay <= HIGH_WATER / 2) this.#press(false);
  }

  run(command: Command): void {
    if (this.#frozen !== undefined && CHANGES_SNAPSHOT.has(command.kind)) {
      this.#frozen.push(command);
      if (this.#frozen.length > HIGH_WATER) this.#press(true);
      return;
    }
    const channel = "channel" in command ? command.channel : undefined;
    const work = this.#afterMembership(channel, () => this.#options.run(command));
    if (work === undefined) return;
    const settled = this.#track(command, work);
    if (channel !== undefined && CHANGES_MEMBERSHIP.has(command.kind)) this.#remember(channel, settled);
  }

  /** Work of the server on a subscription, in its place behind the client's commands for that channel. Resolves when it is done. */
  async runForChannel(channel: string, work: () => Promise<void> | undefined): Promise<void> {
    const running = this.#afterMembership(channel, work);
    if (running === undefined) return;
    this.#remember(
      channel,
      running.catch(() => undefined),
    );
    await running;
  }

  #afterMembership(channel: string | undefined, work: () => Promise<void> | undefined): Promise<void> | undefined {
    const before = channel === undefined ? undefined : this.#membership.get(channel);
    return before === undefined ? work() : before.then(work);
  }

  #remember(channel: string, settled: Promise<void>): void {
    this.#membership.set(channel, settled);
    void this.#forget(channel, settled);
  }

  async #forget(channel: string, settled: Promise<void>): Promise<void> {
    await settled;
    if (this.#membership.get(channel) === settled) this.#membership.delete(channel);
  }

  /** Never rejects. */
  async #track(command: Command, work: Promise<void>): Promise<void> {
    this.#underWay += 1;
    if (this.#underWay > HIGH_WATER) this.#press(true);
    try {
      await work;
    } catch (error) {
      this.#options.onFault(command, error);
    }
    this.#underWay -= 1;
    if (this.#underWay <= HIGH_WATER / 2) this.#press(false);
  }

  #press(isHigh: boolean): void {
    if (this.#isHigh === isHigh) return;
    this.#isHigh = isHigh;
    this.#options.onPressure(isHigh);
  }
}
