/** What may make Redis drop keys that somebody counts on. */
export interface RedisMemory {
  /** `maxmemory-policy`. */
  readonly policy: string;
  /** Bytes; 0 is no limit. */
  readonly limitBytes: number;
  /** Keys dropped for want of memory since the process started. */
  readonly evictedKeys: number;
}

/** From the answer of INFO with the sections memory and stats. */
export function memoryOf(info: string): RedisMemory {
  const field = (name: string): string => new RegExp(`^${name}:([^\\r\\n]*)`, "m").exec(info)?.[1] ?? "";
  return {
    policy: field("maxmemory_policy"),
    limitBytes: Number(field("maxmemory")) || 0,
    evictedKeys: Number(field("evicted_keys")) || 0,
  };
}

/** Why keys may be missing that nobody removed; undefined while Redis keeps what it was given. */
export function evictionRisk({ policy, limitBytes, evictedKeys }: RedisMemory): string | undefined {
  if (limitBytes > 0 && policy !== "" && policy !== "noeviction")
    return `maxmemory-policy is ${policy}, ${evictedKeys} keys were evicted`;
  return undefined;
}
