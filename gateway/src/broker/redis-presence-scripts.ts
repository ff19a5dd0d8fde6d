import { redisScript, type RedisScript } from "../redis/redis-script.ts";

/**
 * Who is in a channel. Three keys tell it: the members, when each of them expires, and how many members each user has, so that both
 * counts are read in O(1). They are changed together and expire together; where one was lost alone, all are dropped and the
 * members come back with their next refresh. Every script first removes some that are due, so that none ever pays for all.
 *
 * A member is of the lease (pod uid and term) that wrote it last; `told` is 1 when others are told of its end.
 *
 * KEYS  1 `{tag}.p:<channel>` client → `expiry:userLength:told:uid term:` user info   2 `{tag}.x:<channel>` client → expiry   3 `{tag}.u:<channel>` user → members
 */
const EXPIRE_SOME = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function userOf(value)
  local length, from = string.match(value, '^%d+:(%d+):[01]:[^:]*:()')
  return length and string.sub(value, from, from + length - 1) or ''
end
local function discount(user)
  if redis.call('HINCRBY', KEYS[3], user, -1) <= 0 then redis.call('HDEL', KEYS[3], user) end
end
local function remove(client)
  local value = redis.call('HGET', KEYS[1], client)
  if value then
    discount(userOf(value))
    redis.call('HDEL', KEYS[1], client)
  end
  redis.call('ZREM', KEYS[2], client)
end
for _, client in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 200)) do remove(client) end
if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) % 3 ~= 0 then redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3]) end
`;

/** ARGV  1 client   2 user   3 info   4 TTL, ms   5 whether others are told of its end, 0 or 1   6 `uid term` or '' */
export const ADD_PRESENCE_SCRIPT: RedisScript = redisScript(`${EXPIRE_SOME}
local before = redis.call('HGET', KEYS[1], ARGV[1])
local user = before and userOf(before)
if user ~= ARGV[2] then
  if user then discount(user) end
  redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
end
local expiry = string.format('%.0f', now + ARGV[4])
local header = expiry .. ':' .. #ARGV[2] .. ':' .. ARGV[5] .. ':' .. ARGV[6] .. ':'
redis.call('HSET', KEYS[1], ARGV[1], header .. ARGV[2] .. ARGV[3])
redis.call('ZADD', KEYS[2], expiry, ARGV[1])
local ttl = math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[4]))
for index = 1, 3 do redis.call('PEXPIRE', KEYS[index], ttl) end
return 0
`);

/** What another pod wrote stays: it has taken the client over. ARGV  1 client   2 pod uid or '' */
export const REMOVE_PRESENCE_SCRIPT: RedisScript = redisScript(`${EXPIRE_SOME}
local value = ARGV[2] ~= '' and redis.call('HGET', KEYS[1], ARGV[1])
local uid = value and string.match(value, '^%d+:%d+:[01]:(%S+) ')
if not uid or uid == ARGV[2] then remove(ARGV[1]) end
return 0
`);

/** Reply members, users. */
export const PRESENCE_STATS_SCRIPT: RedisScript = redisScript(`${EXPIRE_SOME}
return {redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), '+inf'), redis.call('HLEN', KEYS[3])}
`);

/** One page: ARGV  1 cursor   2 members to look at, about. Reply next cursor, Redis' time, client and value by turns. */
export const PRESENCE_PAGE_SCRIPT: RedisScript = redisScript(`${EXPIRE_SOME}
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
return {page[1], now, page[2]}
`);

/**
 * Removes members of one lease, a page at a time, and tells the channel's subscribers of those who were announced: a member that
 * another lease wrote meanwhile stays. Removed and told are one step, so that nobody is told twice.
 * ARGV  1 cursor   2 members to look at, about   3 `uid term`   4 pub/sub channel. Reply next cursor, number of removed members
 */
export const SWEEP_PRESENCE_SCRIPT: RedisScript = redisScript(`${EXPIRE_SOME}
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local gone = 0
for index = 1, #page[2], 2 do
  local client, value = page[2][index], page[2][index + 1]
  local length, told, owner, from = string.match(value, '^%d+:(%d+):([01]):([^:]*):()')
  if owner == ARGV[3] then
    remove(client)
    gone = gone + 1
    if told == '1' then redis.call('SPUBLISH', ARGV[4], '-' .. string.sub(value, from + length)) end
  end
end
return {page[1], gone}
`);
