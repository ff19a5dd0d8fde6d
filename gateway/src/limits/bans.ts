import { z } from "zod";
import type { Clock } from "../clock.ts";
import type { NodeBus } from "../node/node-bus.ts";

/** Who is banned: a user, or the address of clients without one. */
export interface Banned {
  readonly user: string;
  readonly address: string;
}

/** Bans that a node remembers; the oldest is forgotten first. */
const MAX_BANS = 100_000;

const order = z.object({ key: z.string(), seconds: z.number().min(1).max(86_400) });

/**
 * Who has to stay away for a while, on every node. Kept in memory only: a ban lasts a minute or so, and a pod that starts within
 * it lets the client in once more.
 */
export class Bans {
  readonly #bus: NodeBus;
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(bus: NodeBus, clock: Clock) {
    this.#bus = bus;
    this.#clock = clock;
    bus.on("ban", (body) => {
      const told = order.safeParse(body).data;
      if (told !== undefined) this.#add(told.key, told.seconds);
    });
  }

  get size(): number {
    return this.#untilMs.size;
  }

  isBanned(who: Banned): boolean {
    const key = keyOf(who);
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.nowMs()) return true;
    this.#untilMs.delete(key);
    return false;
  }

  /** Acts here at once and on the other nodes when they hear of it. Rejects with BrokerUnavailableError where they cannot be told. */
  async ban(who: Banned, seconds: number): Promise<void> {
    const key = keyOf(who);
    this.#add(key, seconds);
    await this.#bus.tell("all", "ban", { key, seconds });
  }

  #add(key: string, seconds: number): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, this.#clock.nowMs() + seconds * 1000);
    if (this.#untilMs.size <= MAX_BANS) return;
    const oldest = this.#untilMs.keys().next();
    if (oldest.done !== true) this.#untilMs.delete(oldest.value);
  }
}

/** Many people share an address; so it counts only for clients that say nothing else of themselves. */
function keyOf({ user, address }: Banned): string {
  return user === "" ? `address ${address}` : `user ${user}`;
}
