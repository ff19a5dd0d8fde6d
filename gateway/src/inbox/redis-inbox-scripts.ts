import { redisScript, type RedisScript } from "../redis/redis-script.ts";

/**
 * An inbox: every script begins with it.
 *
 * Unlike a channel's, what an inbox holds outlives the doubt about its epoch. After a restart or failover Redis may have forgotten
 * the newest messages and give their offsets out again. So an inbox written under another run of this Redis takes a new epoch,
 * keeps its messages, and every message carries the epoch that it was written in: (epoch, offset) never names two messages. What
 * waited for replicas to be shown is shown then: it may have been acknowledged.
 *
 * KEYS  1 hash   2 stream
 * ARGV  1 `<run id>:<replication id>` as the caller knows it   2 epoch to use if one is needed   3 least TTL of the hash, ms
 * Leaves now (ms), epoch, top (newest offset given out) and known (what the hash said, nil for a new one).
 */
const PLACE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local meta = redis.call('HMGET', KEYS[1], 'e', 'o', 'r')
local epoch, top, known = meta[1], tonumber(meta[2]), meta[3]
local function id(offset) return string.format('%.0f', offset) end
local function field(entry, name)
  for index = 1, #entry[2], 2 do
    if entry[2][index] == name then return entry[2][index + 1] end
  end
end
local function offsetOf(entry) return tonumber(string.match(entry[1], '^%d+')) end
if not epoch or not top or known ~= ARGV[1] then
  local process = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local current = process .. ':' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  if not epoch or not top or known ~= current then
    local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
    top = math.max(top or 0, last and offsetOf(last) or 0)
    epoch = ARGV[2]
    redis.call('HSET', KEYS[1], 'e', epoch, 'o', id(top), 'r', current)
    redis.call('HDEL', KEYS[1], 'c')
  end
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
local function acknowledged(group)
  local seen = redis.call('HGET', KEYS[1], 'g:' .. group)
  return seen and tonumber(string.match(seen, '^%d+')) or 0
end
`;

/** Leaves `placed`: the offset up to which somebody knows everything, or nil where the place is none of this inbox. */
const PLACED = `
local function placed(inEpoch, offset)
  if inEpoch == epoch and offset <= top then return offset end
  local near = redis.call('XREVRANGE', KEYS[2], id(offset), '-', 'COUNT', 1)[1]
  if near and field(near, 'e') == inEpoch then return math.min(offset, top) end
end
`;

/** Messages at the head whose time is over, at most 100. Leaves byTtl. `gone` remembers up to where something was dropped unread. */
const EXPIRE = `
local byTtl, gone = 0, nil
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 100)) do
  if tonumber(field(entry, 'x')) > now then break end
  byTtl, gone = byTtl + 1, entry[1]
end
if gone then
  gone = tonumber(string.match(gone, '^%d+'))
  redis.call('XTRIM', KEYS[2], 'MINID', id(gone + 1))
end
`;

/**
 * One message. With replicated durability it waits behind `c`: nobody reads it before it is shown.
 *
 * KEYS  3 idempotency key, where there is one
 * ARGV  4 messages to keep   5 TTL of the message, ms   6 TTL of the idempotency key, ms   7 `fast` or `replicated`
 *       8… fields of the entry
 * Reply offset, epoch, 1 for a repeat, dropped by size, dropped by TTL, newest offset, the inbox's epoch.
 */
export const INBOX_SEND_SCRIPT: RedisScript = redisScript(`${PLACE}
if KEYS[3] then
  local first = redis.call('GET', KEYS[3])
  if first then
    local offset, inEpoch = string.match(first, '^(%d+):(.*)$')
    return {tonumber(offset), inEpoch, 1, 0, 0, top, epoch}
  end
end
if ARGV[7] == 'fast' then redis.call('HDEL', KEYS[1], 'c') else redis.call('HSETNX', KEYS[1], 'c', id(top)) end
${EXPIRE}
local offset = top + 1
local ttl = tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'o', id(offset))
redis.call('XADD', KEYS[2], id(offset), 'e', epoch, 'x', id(now + ttl), 't', id(now), unpack(ARGV, 8))
local bySize = redis.call('XTRIM', KEYS[2], 'MAXLEN', ARGV[4])
if bySize > 0 then gone = offsetOf(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]) - 1 end
if gone then redis.call('HSET', KEYS[1], 'd', id(gone)) end
if redis.call('PTTL', KEYS[2]) < ttl then redis.call('PEXPIRE', KEYS[2], ttl) end
if KEYS[3] then redis.call('SET', KEYS[3], id(offset) .. ':' .. epoch, 'PX', ARGV[6]) end
return {offset, epoch, 0, bySize, byTtl, offset, epoch}
`);

/**
 * Everything up to an offset is on the replicas: readers may have it. Not where another run has begun another epoch meanwhile.
 *
 * ARGV  4 epoch   5 offset
 * Reply 1, or 0 where the inbox has another epoch.
 */
export const INBOX_SHOW_SCRIPT: RedisScript = redisScript(`${PLACE}
if epoch ~= ARGV[4] then return 0 end
local shown = redis.call('HGET', KEYS[1], 'c')
if shown and tonumber(shown) < tonumber(ARGV[5]) then redis.call('HSET', KEYS[1], 'c', ARGV[5]) end
return 1
`);

/**
 * A group comes: from now on messages are kept for it.
 *
 * ARGV  4 group   5 most groups   6 epoch of the place that the client says it has, empty: none   7 its offset
 * Reply offset to begin behind, epoch, 1 when the client's place was known, 1 when something was dropped behind it, dropped by TTL.
 */
export const INBOX_OPEN_SCRIPT: RedisScript = redisScript(`${PLACE}${PLACED}${EXPIRE}
if gone then redis.call('HSET', KEYS[1], 'd', id(gone)) end
local from = acknowledged(ARGV[4])
redis.call('HSET', KEYS[1], 'g:' .. ARGV[4], id(from) .. ' ' .. id(now))
local groups, oldest, oldestSeen = 0, nil, nil
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  if string.sub(all[index], 1, 2) == 'g:' then
    groups = groups + 1
    local seen = tonumber(string.match(all[index + 1], ' (%d+)$'))
    if all[index] ~= 'g:' .. ARGV[4] and (not oldest or seen < oldestSeen) then oldest, oldestSeen = all[index], seen end
  end
end
if groups > tonumber(ARGV[5]) then redis.call('HDEL', KEYS[1], oldest) end
local since = ARGV[6] ~= '' and placed(ARGV[6], tonumber(ARGV[7])) or nil
if since and since > from then from = since end
local dropped = tonumber(redis.call('HGET', KEYS[1], 'd')) or 0
return {from, epoch, since and 1 or 0, dropped > from and 1 or 0, byTtl}
`);

/**
 * What comes behind a place, up to what is shown.
 *
 * ARGV  4 group   5 epoch of the place   6 its offset   7 most messages   8 most bytes
 * Reply epoch, epoch and offset read up to, 1 when there is more, then the messages: each its id and its fields.
 */
export const INBOX_READ_SCRIPT: RedisScript = redisScript(`${PLACE}${PLACED}
local from = placed(ARGV[5], tonumber(ARGV[6]))
local seen, seenEpoch = from, ARGV[5]
if not from then
  from = acknowledged(ARGV[4])
  seen, seenEpoch = from, epoch
end
local limit = tonumber(ARGV[7])
local shown = redis.call('HGET', KEYS[1], 'c') or '+'
local entries = redis.call('XRANGE', KEYS[2], id(from + 1), shown, 'COUNT', limit + 1)
local reply, bytes, more = {epoch, '', '', 0}, 0, 0
for index, entry in ipairs(entries) do
  if index > limit or bytes > tonumber(ARGV[8]) then
    more = 1
    break
  end
  seen, seenEpoch = offsetOf(entry), field(entry, 'e')
  if tonumber(field(entry, 'x')) > now then
    bytes = bytes + #field(entry, 'p')
    reply[#reply + 1] = entry
  end
end
reply[2], reply[3], reply[4] = seenEpoch, id(seen), more
return reply
`);

/**
 * Everything up to a place has arrived at a group. What every group has goes.
 *
 * ARGV  4 group   5 epoch   6 offset
 * Reply offset up to which the group has acknowledged, messages removed.
 */
export const INBOX_ACK_SCRIPT: RedisScript = redisScript(`${PLACE}${PLACED}
local before = acknowledged(ARGV[4])
local upTo = math.max(before, placed(ARGV[5], tonumber(ARGV[6])) or 0)
redis.call('HSET', KEYS[1], 'g:' .. ARGV[4], id(upTo) .. ' ' .. id(now))
local least = upTo
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  if string.sub(all[index], 1, 2) == 'g:' then
    least = math.min(least, tonumber(string.match(all[index + 1], '^%d+')))
  end
end
return {upTo, redis.call('XTRIM', KEYS[2], 'MINID', id(least + 1))}
`);
