import type { LiveNode, Registry } from "../registry/registry.ts";
import { capacityOf, isWorthTelling, reconnectWindowMs } from "./reconnect-window.ts";

export interface WindowKeeperOptions {
  readonly podUid: string;
  readonly revision: string;
  readonly registry: Pick<Registry, "liveNodes">;
  readonly clients: () => number;
  readonly handshakesPerSecond: () => number;
  /** The window has changed: to be told to every client that wants to know. */
  readonly onChanged: (ms: number) => void;
}

/** How often it is looked whether the window has changed. A client tells no difference of seconds. */
const LOOK_MS = 2000;

/** Knows how many other pods there are, and what that means for clients that come back (WIN). */
export class WindowKeeper {
  readonly #options: WindowKeeperOptions;
  #others: readonly LiveNode[] = [];
  #toldMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WindowKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
    this.#timer.unref();
    void this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What a client is told now. */
  get ms(): number {
    const { clients, handshakesPerSecond } = this.#options;
    const surroundings = { handshakesPerSecond: handshakesPerSecond(), otherPods: this.#others.length };
    return reconnectWindowMs({ ...surroundings, clients: clients() });
  }

  /**
   * Handshakes a second that those take to whom clients of this pod are sent: in a rollout the pods of other revisions, because those
   * of its own leave too.
   */
  get drainCapacity(): number {
    const { revision, handshakesPerSecond } = this.#options;
    const elsewhere = this.#others.filter((node) => node.revision !== revision);
    const otherPods = elsewhere.length > 0 ? elsewhere.length : this.#others.length;
    return capacityOf({ handshakesPerSecond: handshakesPerSecond(), otherPods });
  }

  /** Never rejects: the last beat is what there is to know. */
  async look(): Promise<void> {
    const { podUid, registry, onChanged } = this.#options;
    const nodes = await registry.liveNodes().catch(() => undefined);
    if (nodes !== undefined) this.#others = nodes.filter((node) => node.podUid !== podUid);
    const { ms } = this;
    this.#toldMs ??= ms;
    if (!isWorthTelling(this.#toldMs, ms)) return;
    this.#toldMs = ms;
    onChanged(ms);
  }
}
