import type { SdkFleet, SdkMember } from "./sdk-fleet.ts";
import type { Shown } from "./delivery-check.ts";

/** What a member publishes: the id counts from 1 for each of them. */
interface Own {
  readonly from: number;
  readonly id: number;
}

/** Some members of a fleet publish to their channels, so many times a second each, and all that anybody is shown of it is kept. */
export class ClientPublishers {
  readonly failures: string[] = [];
  readonly #fleet: SdkFleet;
  readonly #publishers: readonly SdkMember[];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #under: Set<Promise<void>> = new Set();
  /** By the publisher's index: how many it has made. */
  readonly #made = new Map<number, number>();
  /** By the subscriber's and the publisher's index. */
  readonly #shown = new Map<string, number[]>();

  constructor(fleet: SdkFleet, count: number) {
    this.#fleet = fleet;
    this.#publishers = fleet.members.slice(0, count);
    for (const { index, client, channel } of fleet.members)
      client.channel(channel).on("publication", ({ data }) => this.#note(index, data as Own));
  }

  get made(): number {
    return [...this.#made.values()].reduce((sum, count) => sum + count, 0);
  }

  start(perSecond: number): void {
    for (const [at, member] of this.#publishers.entries()) {
      const begin = (): void => void this.#timers.push(setInterval(() => this.#publish(member), 1000 / perSecond));
      this.#timers.push(setTimeout(begin, (at * 1000) / perSecond / this.#publishers.length));
    }
  }

  /** Resolves when each publish was answered. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#under);
  }

  /** Each pair of a publisher and a subscriber of its channel is a channel of its own. */
  get shown(): readonly Shown[] {
    return this.#publishers.flatMap((publisher) =>
      this.#fleet.members
        .filter(({ channel }) => channel === publisher.channel)
        .map(({ index }) => ({
          channel: String(publisher.index),
          ids: this.#shown.get(`${index} ${publisher.index}`) ?? [],
          after: 0,
        })),
    );
  }

  get newest(): ReadonlyMap<string, number> {
    return new Map([...this.#made].map(([index, count]) => [String(index), count]));
  }

  #publish({ index, client, channel }: SdkMember): void {
    const id = (this.#made.get(index) ?? 0) + 1;
    this.#made.set(index, id);
    const work = client
      .publish(channel, { from: index, id } satisfies Own)
      .catch((error: unknown) => void this.failures.push(String(error)))
      .finally(() => this.#under.delete(work));
    this.#under.add(work);
  }

  #note(subscriber: number, { from, id }: Own): void {
    const key = `${subscriber} ${from}`;
    const ids = this.#shown.get(key) ?? [];
    this.#shown.set(key, ids);
    ids.push(id);
  }
}
