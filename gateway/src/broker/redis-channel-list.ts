import type { CommandConnection } from "../redis/command-connection.ts";
import { RedisKeys } from "../redis/redis-keys.ts";
import { matchesGlob, redisPrefixGlob } from "./channel-glob.ts";

/** Channels of one PUBSUB SHARDNUMSUB. */
const COUNT_BATCH = 1_000;

/** Channels that some node is subscribed to, with the number of nodes: each has one connection for it. */
export async function channelsWithSubscribers(
  commands: CommandConnection,
  prefix: string,
  pattern: string,
): Promise<ReadonlyMap<string, number>> {
  const listed = await commands.call("PUBSUB", "SHARDCHANNELS", redisPrefixGlob(prefix, pattern));
  const names = stringsOf(listed).filter((name) => matchesGlob(pattern, RedisKeys.channelOf(name)));
  const nodes = new Map<string, number>();
  for (let start = 0; start < names.length; start += COUNT_BATCH) {
    const counts = await commands.call("PUBSUB", "SHARDNUMSUB", ...names.slice(start, start + COUNT_BATCH));
    if (!Array.isArray(counts)) continue;
    for (let index = 0; index + 1 < counts.length; index += 2) {
      const count = Number(counts[index + 1]);
      // Gone since it was listed.
      if (count > 0) nodes.set(RedisKeys.channelOf(String(counts[index])), count);
    }
  }
  return nodes;
}

function stringsOf(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.filter((each) => typeof each === "string") : [];
}
