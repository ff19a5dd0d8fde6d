import type { Clock } from "../clock.ts";
import { BanTable } from "./ban-table.ts";
import { type Banned, banName, type Bans } from "./bans.ts";

/** Bans of a single node: gone with it. */
export class MemoryBans implements Bans {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #table = new BanTable();

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#table.size;
  }

  isBanned(who: Banned): boolean {
    return this.#table.has(banName(who), this.#clock.nowMs());
  }

  async ban(who: Banned, seconds: number): Promise<void> {
    this.#table.add(banName(who), this.#clock.nowMs() + seconds * 1000);
  }
}
