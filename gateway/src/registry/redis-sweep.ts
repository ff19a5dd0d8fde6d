import { BrokerUnavailableError } from "../broker/broker.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import { INDEX_SHARDS, type RedisKeys } from "../redis/redis-keys.ts";
import { removal } from "./redis-entries.ts";
import { sweepPresence } from "./redis-presence-sweep.ts";
import { formatLease, isTexts, pairsOf, parseLease } from "./redis-registry-rows.ts";
import type { Lease } from "./registry.ts";
import { LEAD_SCRIPT, RESIGN_SCRIPT } from "./redis-registry-scripts.ts";

export interface SweepOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  /** Who sweeps; unique among those that might. */
  readonly leader: string;
}

export interface SweptLease extends Lease {
  /** Entries that were still of this lease. */
  readonly entries: number;
  /** Members of channels that were still of this lease. */
  readonly members: number;
}

/** A leader that dies is replaced after this long. */
const LEAD_MS = 5_000;

/** Entries read and removed in one go. */
const SWEEP_BATCH = 500;

/**
 * Removes what ended leases left behind. Only one sweeps at a time; every removal is conditional on the dead lease, so that two of
 * them, or an owner that came back, cannot do harm. Resolves with nothing when another one sweeps.
 */
export async function sweepDeadLeases(options: SweepOptions): Promise<readonly SweptLease[]> {
  if (!(await lead(options))) return [];
  try {
    const swept: SweptLease[] = [];
    // Read only now: what a former leader has finished must not be swept again.
    const { commands, keys } = options;
    for (const field of await dueLeases(options)) {
      const lease = parseLease(field);
      if (lease !== undefined) swept.push({ ...lease, ...(await sweepLease(options, lease)) });
      await commands.call("HDEL", keys.dead, field);
    }
    return swept;
  } finally {
    await options.commands.run(RESIGN_SCRIPT, [options.keys.sweep], [options.leader]).catch(() => undefined);
  }
}

/** Ends the leases of pods that are known to be gone, without waiting for their silence: they can be swept. */
export async function endLeases({ commands, keys }: SweepOptions, podUids: readonly string[]): Promise<void> {
  for (const podUid of podUids) {
    const row = await commands.call("HGET", keys.pods, podUid);
    if (typeof row !== "string") continue;
    await commands.call("HSET", keys.dead, formatLease({ podUid, term: row.split(" ", 1)[0] ?? "" }), "0");
    await commands.call("HDEL", keys.pods, podUid);
    await commands.call("HDEL", keys.complete, podUid);
  }
}

async function lead({ commands, keys, leader }: SweepOptions): Promise<boolean> {
  return (await commands.run(LEAD_SCRIPT, [keys.sweep], [leader, LEAD_MS])) === 1;
}

async function proceed(options: SweepOptions): Promise<void> {
  if (!(await lead(options))) throw new BrokerUnavailableError("another pod took over the sweep");
}

/** Fields of `{L}:dead` whose time has come, by Redis' clock, and whose pod is gone or has written everything again. */
async function dueLeases({ commands, keys }: SweepOptions): Promise<readonly string[]> {
  const [time, ...hashes] = await Promise.all([
    commands.call("TIME"),
    ...[keys.dead, keys.pods, keys.complete].map((key) => commands.call("HGETALL", key)),
  ]);
  const [dead = [], pods = [], complete = []] = hashes.map((flat) => (isTexts(flat) ? pairsOf(flat) : []));
  if (!isTexts(time)) return [];
  const nowMs = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
  const written = new Map(complete);
  const rewriting = new Set(
    pods.flatMap(([podUid, row]) => (written.get(podUid) === row.split(" ", 1)[0] ? [] : [podUid])),
  );
  return dead.flatMap(([field, fromMs]) =>
    Number(fromMs) <= nowMs && !rewriting.has(parseLease(field)?.podUid ?? "") ? [field] : [],
  );
}

async function sweepLease(options: SweepOptions, lease: Lease): Promise<Omit<SweptLease, keyof Lease>> {
  const { commands, keys } = options;
  let entries = 0;
  for (let shard = 0; shard < INDEX_SHARDS; shard += 1) {
    entries += await sweepShard(options, lease, keys.podIndex(lease.podUid, lease.term, shard));
  }
  const members = await sweepPresence({ commands, keys, lease, proceed: () => proceed(options) });
  // A container that started again in the same pod reads the same stream.
  if ((await commands.call("HEXISTS", keys.pods, lease.podUid)) === 0)
    await commands.call("DEL", keys.directMessages(lease.podUid));
  return { entries, members };
}

async function sweepShard(options: SweepOptions, lease: Lease, index: string): Promise<number> {
  const { commands, keys } = options;
  let removed = 0;
  let cursor = "0";
  do {
    const reply = await commands.call("HSCAN", index, cursor, "COUNT", SWEEP_BATCH);
    const [next, flat] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    if (typeof next !== "string" || !isTexts(flat))
      throw new BrokerUnavailableError("Redis answered a scan with something else");
    cursor = next;
    const found = pairsOf(flat);
    if (found.length === 0) continue;
    const gone = await commands.batch(found.map(([client, user]) => removal(keys, lease, { client, user })));
    removed += gone.filter((count) => count === 1).length;
    await commands.call("HDEL", index, ...found.map(([client]) => client));
    await proceed(options);
  } while (cursor !== "0");
  return removed;
}
