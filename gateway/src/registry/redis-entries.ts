import type { BatchCommand, CommandConnection } from "../redis/command-connection.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import type { Lease, RegistryEntry } from "./registry.ts";
import { PUT_ENTRY_SCRIPT, REMOVE_ENTRY_SCRIPT } from "./redis-registry-scripts.ts";

/** Writes and removals of one tick, in two round trips. Repeating them changes nothing. */
export interface EntryChanges {
  readonly added: readonly OwnedEntry[];
  readonly removed: readonly RegistryEntry[];
}

export interface OwnedEntry extends RegistryEntry {
  readonly generation: number;
}

/** Of a write: `superseded` where a newer owner has the client; the former owner's pod where there was one. */
export type PutOutcome = "superseded" | { readonly formerPodUid: string } | undefined;

function outcomeOf(reply: unknown): PutOutcome {
  if (reply === 0) return "superseded";
  return typeof reply === "string" ? { formerPodUid: reply } : undefined;
}

/** Handover counts it up; a connection begins at 1. */
export const FIRST_GENERATION = 1;

/**
 * The index is written before the entry and deleted after it, in separate round trips because the keys may be on different nodes
 * of a cluster: whatever is in `{U}u:` is also in an index that a sweep will find.
 */
export async function writeEntries(
  commands: CommandConnection,
  keys: RedisKeys,
  lease: Lease,
  { added, removed }: EntryChanges,
): Promise<readonly PutOutcome[]> {
  await commands.batch([...indexWrites(keys, lease, added), ...removed.map((entry) => removal(keys, lease, entry))]);
  const puts = added.map((entry) => put(keys, lease, entry));
  const replies = await commands.batch([...puts, ...indexDeletes(keys, lease, removed)]);
  return added.map((_, index) => outcomeOf(replies[index]));
}

export function removal(keys: RedisKeys, { podUid, term }: Lease, { user, client }: RegistryEntry): BatchCommand {
  return { script: REMOVE_ENTRY_SCRIPT, key: keys.user(user), args: [client, podUid, term] };
}

function put(keys: RedisKeys, { podUid, term }: Lease, { user, client, generation }: OwnedEntry): BatchCommand {
  return { script: PUT_ENTRY_SCRIPT, key: keys.user(user), args: [client, podUid, term, generation] };
}

export function indexWrites(keys: RedisKeys, lease: Lease, entries: readonly RegistryEntry[]): readonly BatchCommand[] {
  return [...byShard(entries)].map(([shard, ofShard]) => ({
    command: "HSET",
    args: [keys.podIndex(lease.podUid, lease.term, shard), ...ofShard.flatMap(({ client, user }) => [client, user])],
  }));
}

export function indexDeletes(
  keys: RedisKeys,
  lease: Lease,
  entries: readonly RegistryEntry[],
): readonly BatchCommand[] {
  return [...byShard(entries)].map(([shard, ofShard]) => ({
    command: "HDEL",
    args: [keys.podIndex(lease.podUid, lease.term, shard), ...ofShard.map(({ client }) => client)],
  }));
}

function byShard(entries: readonly RegistryEntry[]): ReadonlyMap<number, readonly RegistryEntry[]> {
  return Map.groupBy(entries, ({ client }) => RedisKeys.indexShard(client));
}
