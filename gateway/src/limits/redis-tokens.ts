import { BrokerUnavailableError } from "../broker/broker.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import { type RedisScript, redisScript } from "../redis/redis-script.ts";
import type { LeaseReply } from "./lease.ts";
import type { TokenStore } from "./leased-quota.ts";
import type { QuotaSubject } from "./quota.ts";
import type { BucketRate } from "./token-bucket.ts";

/**
 * KEYS: the bucket, `<tokens> <time of the last lease, ms>`; an absent one is full, and it is forgotten when it would be.
 * ARGV: tokens a second, most tokens, tokens wanted. Reply: tokens granted, thousandths left. A clock that goes back fills nothing.
 */
const LEASE_SCRIPT: RedisScript = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rate, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens, at = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+%.?%d*) (%d+)$')
if tokens then
  tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000)
else
  tokens = burst
end
local granted = math.min(want, math.floor(tokens))
tokens = tokens - granted
local full = math.ceil((burst - tokens) / rate * 1000) + 1000
redis.call('SET', KEYS[1], string.format('%.3f %.0f', tokens, now), 'PX', string.format('%.0f', full))
return {granted, math.floor(tokens * 1000)}
`);

/** Token buckets in Redis: one key, one call a lease. */
export class RedisTokens implements TokenStore {
  readonly #commands: Pick<CommandConnection, "run">;
  readonly #keys: RedisKeys;

  constructor(commands: Pick<CommandConnection, "run">, keys: RedisKeys) {
    this.#commands = commands;
    this.#keys = keys;
  }

  async lease({ kind, name }: QuotaSubject, want: number, { perSecond, burst }: BucketRate): Promise<LeaseReply> {
    const reply = await this.#commands.run(LEASE_SCRIPT, [this.#keys.tokens(kind, name)], [perSecond, burst, want]);
    const [granted, left] = Array.isArray(reply) ? (reply as unknown[]) : [];
    if (typeof granted !== "number" || typeof left !== "number") {
      throw new BrokerUnavailableError("Redis answered with something else than tokens");
    }
    return { granted, left: left / 1000 };
  }
}
