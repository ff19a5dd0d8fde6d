/** What may make Redis drop keys that somebody counts on. */
interface RedisMemory {
  /** `maxmemory-policy`. */
  readonly policy: string;
  /** Bytes; 0 is no limit. */
  readonly limitBytes: number;
  /** Keys dropped for want of memory since the process started. */
  readonly evictedKeys: number;
}

/** A server that has said nothing for this long, while others have, is gone or holds nothing any more. */
const FORGOTTEN_AFTER_MS = 10_000;

/** What the servers of a Redis, one or many, say of their memory. */
export class RedisMemoryReports {
  readonly #byRun = new Map<string, { readonly memory: RedisMemory; readonly atMs: number }>();

  /** The answer of INFO with the sections server, memory and stats, by one of them. */
  note(info: string, nowMs: number): void {
    this.#byRun.set(field(info, "run_id"), { memory: memoryOf(info), atMs: nowMs });
    for (const [run, { atMs }] of this.#byRun) if (nowMs - atMs > FORGOTTEN_AFTER_MS) this.#byRun.delete(run);
  }

  /** Why keys may be missing that nobody removed; undefined while every server keeps what it was given. */
  get evictionRisk(): string | undefined {
    const risks = [...this.#byRun.values()].flatMap(({ memory }) => riskOf(memory) ?? []);
    const [first] = risks;
    return risks.length <= 1 ? first : `${first} (and ${risks.length - 1} more)`;
  }
}

function memoryOf(info: string): RedisMemory {
  return {
    policy: field(info, "maxmemory_policy"),
    limitBytes: Number(field(info, "maxmemory")) || 0,
    evictedKeys: Number(field(info, "evicted_keys")) || 0,
  };
}

function field(info: string, name: string): string {
  return new RegExp(`^${name}:([^\\r\\n]*)`, "m").exec(info)?.[1] ?? "";
}

function riskOf({ policy, limitBytes, evictedKeys }: RedisMemory): string | undefined {
  if (limitBytes > 0 && policy !== "" && policy !== "noeviction")
    return `maxmemory-policy is ${policy}, ${evictedKeys} keys were evicted`;
  return undefined;
}
