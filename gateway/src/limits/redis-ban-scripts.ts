import { type RedisScript, redisScript } from "../redis/redis-script.ts";

/*
 * KEYS: the sorted set of bans (name → end, ms by Redis' clock) and the one of their versions (name → version of the last change).
 * Versions begin with the clock, so that a Redis that lost its data goes on above what nodes have seen.
 */

/** Ended bans removed by one call. */
const PRUNED_AT_ONCE = 200;

/** ARGV: most bans; then for each its name and for how long, ms. The longer of two counts. Safe to run twice. */
export const PUT_BANS_SCRIPT: RedisScript = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ended = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ${PRUNED_AT_ONCE})
if #ended > 0 then
  redis.call('ZREM', KEYS[1], unpack(ended))
  redis.call('ZREM', KEYS[2], unpack(ended))
end
local newest = redis.call('ZRANGE', KEYS[2], 0, 0, 'REV', 'WITHSCORES')
local version = math.max(now, tonumber(newest[2] or '0') + 1)
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'GT', string.format('%.0f', now + tonumber(ARGV[i + 1])), ARGV[i])
  redis.call('ZADD', KEYS[2], string.format('%.0f', version), ARGV[i])
  version = version + 1
end
for _ = 1, redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1]) do
  redis.call('ZREM', KEYS[2], redis.call('ZPOPMIN', KEYS[1])[1])
end
local last = redis.call('ZRANGE', KEYS[1], 0, 0, 'REV', 'WITHSCORES')
if last[2] then
  local gone = string.format('%.0f', tonumber(last[2]) + 60000)
  redis.call('PEXPIREAT', KEYS[1], gone)
  redis.call('PEXPIREAT', KEYS[2], gone)
end
return 1
`);

/**
 * ARGV: version that the node has seen, most bans. Reply: how many bans there are that have not ended; then for each that changed
 * since, its version, name and milliseconds left. Who reads from the beginning mends the versions, should Redis have evicted them
 * alone.
 */
export const READ_BANS_SCRIPT: RedisScript = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] == '0' and redis.call('ZCARD', KEYS[2]) < redis.call('ZCARD', KEYS[1]) then
  for i, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', now + i), name)
  end
  redis.call('PEXPIREAT', KEYS[2], redis.call('PEXPIRETIME', KEYS[1]))
end
local changed = redis.call('ZRANGE', KEYS[2], '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
local reply = {redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')}
for i = 1, #changed, 2 do
  local ends = tonumber(redis.call('ZSCORE', KEYS[1], changed[i]) or '0')
  reply[#reply + 1] = string.format('%.0f', tonumber(changed[i + 1]))
  reply[#reply + 1] = changed[i]
  reply[#reply + 1] = string.format('%.0f', math.max(0, ends - now))
end
return reply
`);
