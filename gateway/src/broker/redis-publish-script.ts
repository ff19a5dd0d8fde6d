import { redisScript, type RedisScript } from "../redis/redis-script.ts";

/**
 * One publication: position and delivery in one step, so that a channel's order is the order of its offsets on every node.
 *
 * An epoch promises that no offset in it was ever given out twice. After a restart or failover Redis may have forgotten some, so
 * an epoch written under another run of this Redis is not used again. The partition's term `n` counts the runs: it is raised when
 * the run id differs from the one stored, and starts from the clock so that a lost `{tag}.t` never repeats a term.
 * INFO is asked only when the caller's idea of the run differs: asking on every publish would cost a third of the throughput.
 *
 * KEYS  1 `{tag}.t`   2 `{tag}.m:<channel>`
 * ARGV  1 run id as the caller knows it   2 epoch to use if one is needed   3 TTL of the meta, ms   4 pub/sub channel   5 info   6 data
 * Reply offset, epoch, receivers.
 */
export const PUBLISH_SCRIPT: RedisScript = redisScript(`
local partition = redis.call('HMGET', KEYS[1], 'run', 'n')
local run, term = partition[1], partition[2]
if run ~= ARGV[1] then
  local current = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  if run ~= current then
    local time = redis.call('TIME')
    local clock = time[1] * 1000 + math.floor(time[2] / 1000)
    term = string.format('%.0f', math.max(clock, (tonumber(term) or 0) + 1))
    redis.call('HSET', KEYS[1], 'run', current, 'n', term)
  end
end
local meta = redis.call('HMGET', KEYS[2], 'e', 'n')
local epoch = meta[1]
local offset
if not epoch or meta[2] ~= term then
  epoch = ARGV[2]
  offset = 1
  redis.call('HSET', KEYS[2], 'e', epoch, 'o', 1, 'n', term)
else
  offset = redis.call('HINCRBY', KEYS[2], 'o', 1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local header = string.format('%.0f:%s:%d:', offset, epoch, #ARGV[5])
local receivers = redis.call('SPUBLISH', ARGV[4], header .. ARGV[5] .. ARGV[6])
return {offset, epoch, receivers}
`);
