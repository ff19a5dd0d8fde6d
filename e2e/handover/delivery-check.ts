/** What a subscriber was shown of one channel, where ids count from 1 in the order in which they were published. */
export interface Shown {
  readonly channel: string;
  readonly ids: readonly number[];
  /** The newest id that had been published when it began to listen: what is up to there is not missed. */
  readonly after: number;
}

export interface Faults {
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

export const NO_FAULTS: Faults = { lost: 0, duplicated: 0, reordered: 0 };

/** `newest`: the newest id that was acknowledged, by channel. */
export function faultsOf(all: readonly Shown[], newest: ReadonlyMap<string, number>): Faults {
  const sum = { lost: 0, duplicated: 0, reordered: 0 };
  for (const { channel, ids, after } of all) {
    const seen = new Set<number>();
    let highest = 0;
    for (const id of ids) {
      if (seen.has(id)) sum.duplicated += 1;
      else if (id < highest) sum.reordered += 1;
      seen.add(id);
      highest = Math.max(highest, id);
    }
    for (let id = after + 1; id <= (newest.get(channel) ?? 0); id += 1) if (!seen.has(id)) sum.lost += 1;
  }
  return sum;
}

/** The value below which so many of a hundred are; 0 where there are none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}
