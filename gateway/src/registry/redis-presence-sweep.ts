import { BrokerUnavailableError } from "../broker/broker.ts";
import { SWEEP_PRESENCE_SCRIPT } from "../broker/redis-presence-scripts.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import { INDEX_SHARDS, type RedisKeys } from "../redis/redis-keys.ts";
import { formatOwner, isTexts } from "./redis-registry-rows.ts";
import type { Lease } from "./registry.ts";

export interface PresenceSweepOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  readonly lease: Lease;
  /** Between two batches: renews the right to sweep, and rejects when it was lost. */
  readonly proceed: () => Promise<void>;
}

/** Channels swept at once. */
const CHANNELS_AT_ONCE = 64;
/** Members looked at in one step: about a millisecond of Redis. */
const PAGE_MEMBERS = 1_000;

/** Removes a dead lease's members from every channel of its index. Resolves with their number. */
export async function sweepPresence(options: PresenceSweepOptions): Promise<number> {
  const { keys, lease } = options;
  let members = 0;
  for (let shard = 0; shard < INDEX_SHARDS; shard += 1) {
    members += await sweepIndex(options, keys.podPresence(lease.podUid, lease.term, shard));
  }
  return members;
}

async function sweepIndex(options: PresenceSweepOptions, index: string): Promise<number> {
  const { commands, proceed } = options;
  let members = 0;
  let cursor = "0";
  do {
    const page = await commands.call("SSCAN", index, cursor, "COUNT", CHANNELS_AT_ONCE);
    const [next, channels] = Array.isArray(page) ? (page as readonly unknown[]) : [];
    if (typeof next !== "string" || !isTexts(channels))
      throw new BrokerUnavailableError("Redis answered a scan with something else");
    cursor = next;
    if (channels.length === 0) continue;
    const gone = await Promise.all(channels.map((channel) => sweepChannel(options, channel)));
    members += gone.reduce((sum, count) => sum + count, 0);
    await commands.call("SREM", index, ...channels);
    await proceed();
  } while (cursor !== "0");
  return members;
}

async function sweepChannel(
  { commands, keys, lease, proceed }: PresenceSweepOptions,
  channel: string,
): Promise<number> {
  let members = 0;
  let cursor = "0";
  do {
    const args = [cursor, PAGE_MEMBERS, formatOwner(lease), keys.publications(channel)];
    const reply = await commands.run(SWEEP_PRESENCE_SCRIPT, keys.presence(channel), args);
    const [next, gone] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    if (typeof next !== "string" || typeof gone !== "number")
      throw new BrokerUnavailableError("Redis answered a sweep with something else");
    cursor = next;
    members += gone;
    if (cursor !== "0") await proceed();
  } while (cursor !== "0");
  return members;
}
