import { type RedisScript, redisScript } from "../redis/redis-script.ts";

/*
 * KEYS: the hash of entries (id → `stamp until issuedBefore lifted`, with `epoch` and `version` beside them) and the sorted set
 * id → version of its last change. An entry's text is written here only, so that equal entries are equal texts.
 */

/**
 * ARGV: epoch for an empty Redis, most entries, `new` (changed now) or `known` (written again); then for each entry id, until,
 * issuedBefore, lifted, stamp. Merges as `merged` in revocation-table.ts does. Returns the number of entries that found no room. Safe to run twice.
 */
export const PUT_REVOCATIONS_SCRIPT: RedisScript = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
local refused = 0
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or '0')
for i = 4, #ARGV, 5 do
  local id = ARGV[i]
  local ends, before, lifted, stamp = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), ARGV[i + 3], tonumber(ARGV[i + 4])
  local old = redis.call('HGET', KEYS[1], id)
  if not old and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then
    refused = refused + 1
  else
    local value = old
    local oldStamp, oldEnds, oldBefore = 0, 0, 0
    if old then
      local s, e, b = string.match(old, '^(%d+) (%d+) (%d+) ')
      oldStamp, oldEnds, oldBefore = tonumber(s), tonumber(e), tonumber(b)
    end
    if ARGV[3] == 'new' then stamp = math.max(now, oldStamp + 1, stamp + 1) end
    local isBlock = string.sub(id, 1, 8) == '["block"'
    if isBlock and stamp > oldStamp then
      value = string.format('%.0f %.0f 0 %s', stamp, ends, lifted)
    elseif not isBlock then
      value = string.format('%.0f %.0f %.0f 0', math.max(stamp, oldStamp), math.max(ends, oldEnds), math.max(before, oldBefore))
    end
    if value ~= old then
      redis.call('HSET', KEYS[1], id, value)
      redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[1], 'version', 1), id)
    end
    last = math.max(last, ends)
  end
end
redis.call('HSET', KEYS[1], 'last', string.format('%.0f', last))
local gone = math.max(last, math.floor(now / 1000)) + 3600
redis.call('EXPIREAT', KEYS[1], string.format('%.0f', gone))
redis.call('EXPIREAT', KEYS[2], string.format('%.0f', gone))
return refused
`);

/**
 * ARGV: epoch and version that the node has seen, most entries. Returns epoch, then id, version and entry of what changed since.
 * Who reads from the beginning mends the versions, should Redis have evicted them alone. Safe to run twice.
 */
export const READ_REVOCATIONS_SCRIPT: RedisScript = redisScript(`
local epoch = redis.call('HGET', KEYS[1], 'epoch') or ''
local since = '0'
if epoch == ARGV[1] then since = ARGV[2] end
if ARGV[1] == '' and redis.call('ZCARD', KEYS[2]) + 3 < redis.call('HLEN', KEYS[1]) then
  for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(id, 1, 1) == '[' and not redis.call('ZSCORE', KEYS[2], id) then
      redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[1], 'version', 1), id)
    end
  end
  redis.call('EXPIREAT', KEYS[2], redis.call('EXPIRETIME', KEYS[1]))
end
local changed = redis.call('ZRANGE', KEYS[2], '(' .. since, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
local reply = {epoch}
for i = 1, #changed, 2 do
  reply[#reply + 1] = changed[i]
  reply[#reply + 1] = changed[i + 1]
  reply[#reply + 1] = redis.call('HGET', KEYS[1], changed[i]) or ''
end
return reply
`);

/** ARGV: ids whose entries have ended. Each is removed if its end was a minute ago by Redis' clock too. */
export const PRUNE_REVOCATIONS_SCRIPT: RedisScript = redisScript(`
local now = tonumber(redis.call('TIME')[1])
for i = 1, #ARGV do
  local ends = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^%d+ (%d+) ')
  if ends and tonumber(ends) + 60 < now then
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
return 1
`);
