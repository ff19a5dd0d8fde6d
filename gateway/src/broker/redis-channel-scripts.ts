import { redisScript, type RedisScript } from "../redis/redis-script.ts";

/**
 * A channel's place: every script of a channel begins with it.
 *
 * An epoch promises that no offset in it was ever given out twice, and that what is stored belongs to it. After a restart or
 * failover Redis may have forgotten some, so an epoch written under another run of this Redis is not used again. A run is a process
 * and the replication history it carries on: a primary that was a replica in between may have lost the end without a restart. The
 * partition's term `n` counts the runs: it is raised when the run differs from the one stored, and starts from the clock so that a
 * lost `{tag}.t` never repeats a term. INFO is asked only when the caller's idea of the run differs: asking on every publish would
 * cost a third of the throughput. Whoever makes an epoch deletes the stream first: the meta may have been lost alone.
 *
 * KEYS  1 `{tag}.t`   2 `{tag}.m:<channel>`   3 `{tag}.s:<channel>`
 * ARGV  1 `<run id>:<replication id>` as the caller knows it   2 epoch to use if one is needed   3 TTL of the meta, ms
 * Leaves epoch, top (offset of the newest publication) and isNew.
 */
const PLACE = `
local partition = redis.call('HMGET', KEYS[1], 'run', 'n', 'id')
local run, term, id = partition[1], partition[2], partition[3]
local time = redis.call('TIME')
if not run or not id or run .. ':' .. id ~= ARGV[1] then
  local current = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local currentId = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  if run ~= current or (id and id ~= currentId) then
    local clock = time[1] * 1000 + math.floor(time[2] / 1000)
    term = string.format('%.0f', math.max(clock, (tonumber(term) or 0) + 1))
    redis.call('HSET', KEYS[1], 'run', current, 'n', term, 'id', currentId)
  elseif not id then
    redis.call('HSET', KEYS[1], 'id', currentId)
  end
end
local meta = redis.call('HMGET', KEYS[2], 'e', 'o', 'n')
local epoch, top = meta[1], tonumber(meta[2])
local isNew = not epoch or not top or meta[3] ~= term
if isNew then
  redis.call('DEL', KEYS[2], KEYS[3])
  epoch, top = ARGV[2], 0
  redis.call('HSET', KEYS[2], 'e', epoch, 'o', 0, 'n', term)
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
else
  redis.call('PEXPIRE', KEYS[2], ARGV[3], 'GT')
end
`;

/**
 * One publication: position, storage and delivery in one step, so that a channel's order is the order of its offsets on every node.
 * What an idempotency key or a version suppresses is judged within the epoch: a new one knows of neither.
 *
 * KEYS  4 `{tag}.i:…`, where there is an idempotency key
 * ARGV  4 pub/sub channel   5 publications to keep, 0: not stored   6 TTL of the stream, ms   7 TTL of the idempotency key, ms
 *       8 version, empty: none   9 epoch of the version   10 flags   11 lengths   12 sections
 * Reply offset, epoch, receivers, why it was suppressed (empty: it was not), its time (ms).
 */
export const PUBLISH_SCRIPT: RedisScript = redisScript(`${PLACE}
if not isNew then
  local first = KEYS[4] and redis.call('GET', KEYS[4])
  if first then
    local offset, inEpoch = string.match(first, '^(%d+):(.*)$')
    if inEpoch == epoch then return {tonumber(offset), epoch, 0, 'duplicate'} end
  end
  if ARGV[8] ~= '' then
    local newest = redis.call('HMGET', KEYS[2], 'v', 'w')
    if newest[1] and newest[2] == ARGV[9] and tonumber(ARGV[8]) <= tonumber(newest[1]) then
      return {top, epoch, 0, 'outdated'}
    end
  end
end
local offset = redis.call('HINCRBY', KEYS[2], 'o', 1)
if ARGV[8] ~= '' then redis.call('HSET', KEYS[2], 'v', ARGV[8], 'w', ARGV[9]) end
local id = string.format('%.0f', offset)
local ms = string.format('%03d', math.floor(time[2] / 1000))
local bytes = id .. ':' .. epoch .. ':' .. time[1] .. ms .. ':' .. ARGV[10] .. ':' .. ARGV[11] .. ':' .. ARGV[12]
if ARGV[5] ~= '0' then
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[5], id, 'p', bytes)
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
if KEYS[4] then redis.call('SET', KEYS[4], id .. ':' .. epoch, 'PX', ARGV[7]) end
return {offset, epoch, redis.call('SPUBLISH', ARGV[4], bytes), '', time[1] .. ms}
`);

/**
 * A channel's newest place and a part of its stream, read at one moment. A channel without an epoch gets one here, so that a
 * subscriber's place is valid before the first publication.
 *
 * ARGV  4 epoch that the caller's place is of, empty: any   5 XRANGE or XREVRANGE   6 from   7 to   8 most entries, 0: none, -1: all
 * Reply offset, epoch, publications in their wire form.
 */
export const HISTORY_SCRIPT: RedisScript = redisScript(`${PLACE}
if ARGV[8] == '0' or isNew or (ARGV[4] ~= '' and ARGV[4] ~= epoch) then return {top, epoch, {}} end
local entries
if ARGV[8] == '-1' then
  entries = redis.call(ARGV[5], KEYS[3], ARGV[6], ARGV[7])
else
  entries = redis.call(ARGV[5], KEYS[3], ARGV[6], ARGV[7], 'COUNT', ARGV[8])
end
for index, entry in ipairs(entries) do entries[index] = entry[2][2] end
return {top, epoch, entries}
`);
