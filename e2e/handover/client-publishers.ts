import { paced } from "../pace.ts";
import type { SdkFleet, SdkMember } from "./sdk-fleet.ts";
import type { Shown } from "./delivery-check.ts";

/** What a member publishes: the id counts from 1 for each of them. */
interface Own {
  readonly from: number;
  readonly id: number;
}

const TICK_MS = 10;

/** All members of a fleet publish to their channels, one after the other and over again, and all that anybody is shown of it is kept. */
export class ClientPublishers {
  readonly failures: string[] = [];
  readonly #fleet: SdkFleet;
  readonly #under: Set<Promise<void>> = new Set();
  /** By the publisher's index: how many it has made. */
  readonly #made = new Map<number, number>();
  /** By the subscriber's and the publisher's index. */
  readonly #shown = new Map<string, number[]>();
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();
  #tookMs = 0;

  constructor(fleet: SdkFleet) {
    this.#fleet = fleet;
    for (const { index, client, channel } of fleet.members)
      client.channel(channel).on("publication", ({ data }) => this.#note(index, data as Own));
  }

  get made(): number {
    return [...this.#made.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Publishes a second that were really made, of all members together. */
  get perSecond(): number {
    return (this.made * 1000) / this.#tookMs;
  }

  /** `perSecond`: of all members together; what a busy process is late with it makes up for. */
  start(perSecond: number): void {
    this.#done = this.#run(perSecond);
  }

  /** Resolves when each publish was answered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    await Promise.all(this.#under);
  }

  /** Each pair of a publisher and a subscriber of its channel is a channel of its own. */
  get shown(): readonly Shown[] {
    const { members } = this.#fleet;
    const byChannel = Map.groupBy(members, ({ channel }) => channel);
    return members.flatMap((publisher) =>
      (byChannel.get(publisher.channel) ?? []).map(({ index }) => ({
        channel: String(publisher.index),
        ids: this.#shown.get(`${index} ${publisher.index}`) ?? [],
        after: 0,
      })),
    );
  }

  get newest(): ReadonlyMap<string, number> {
    return new Map([...this.#made].map(([index, count]) => [String(index), count]));
  }

  async #run(perSecond: number): Promise<void> {
    const { members } = this.#fleet;
    const startedMs = performance.now();
    let made = 0;
    for await (const due of paced({ perSecond, everyMs: TICK_MS, isStopped: () => this.#isStopped })) {
      for (; made < due; made += 1) {
        const member = members[made % members.length];
        if (member !== undefined) this.#publish(member);
      }
    }
    this.#tookMs = performance.now() - startedMs;
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
