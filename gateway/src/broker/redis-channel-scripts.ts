import { redisScript, type RedisScript } from "../redis/redis-script.ts";
import { PLACE } from "./redis-place-script.ts";

/**
 * One publication: position, storage and delivery in one step, so that a channel's order is the order of its offsets on every node.
 * What an idempotency key or a version suppresses is judged within the epoch: a new one knows of neither. With replicated durability
 * it waits in `{tag}.q` until it is announced: nobody reads it before.
 *
 * KEYS  5 `{tag}.i:…`, where there is an idempotency key
 * ARGV  6 pub/sub channel   7 publications to keep, 0: not stored   8 TTL of the stream, ms   9 TTL of the idempotency key, ms
 *       10 version, empty: none   11 epoch of the version   12 flags   13 lengths   14 sections
 * Reply offset, epoch, receivers, why it was suppressed (empty: it was not), its time (ms).
 */
export const PUBLISH_SCRIPT: RedisScript = redisScript(`${PLACE}
if not isNew then
  local first = KEYS[5] and redis.call('GET', KEYS[5])
  if first then
    local offset, inEpoch = string.match(first, '^(%d+):(.*)$')
    if inEpoch == epoch then return {tonumber(offset), epoch, 0, 'duplicate'} end
  end
  if ARGV[10] ~= '' then
    local newest = redis.call('HMGET', KEYS[2], 'v', 'w')
    if newest[1] and newest[2] == ARGV[11] and tonumber(ARGV[10]) <= tonumber(newest[1]) then
      return {top, epoch, 0, 'outdated'}
    end
  end
end
local offset = redis.call('HINCRBY', KEYS[2], 'o', 1)
if ARGV[10] ~= '' then redis.call('HSET', KEYS[2], 'v', ARGV[10], 'w', ARGV[11]) end
local id = string.format('%.0f', offset)
local ms = string.format('%03d', math.floor(time[2] / 1000))
local bytes = id .. ':' .. epoch .. ':' .. time[1] .. ms .. ':' .. ARGV[12] .. ':' .. ARGV[13] .. ':' .. ARGV[14]
if KEYS[5] then redis.call('SET', KEYS[5], id .. ':' .. epoch, 'PX', ARGV[9]) end
if ARGV[4] ~= 'fast' then
  redis.call('XADD', KEYS[4], id, 'p', bytes, 'k', ARGV[7], 't', ARGV[8])
  redis.call('PEXPIRE', KEYS[4], ARGV[3])
  return {offset, epoch, 0, '', time[1] .. ms}
end
if redis.call('EXISTS', KEYS[4]) == 1 then announce('+', ARGV[6]) end
if ARGV[7] ~= '0' then
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[7], id, 'p', bytes)
  redis.call('PEXPIRE', KEYS[3], ARGV[8])
end
return {offset, epoch, redis.call('SPUBLISH', ARGV[6], bytes), '', time[1] .. ms}
`);

/**
 * What waits of a channel, up to an offset, is stored and delivered in its order: everything of it is on the replicas that the
 * caller names. Only where the run is the one that the caller has had since before it asked them.
 *
 * ARGV  6 pub/sub channel   7 newest offset to announce   8 epoch that it is of
 * Reply `done`; `wait`: a replica is missing; `lost`: the channel has another epoch now. And the epoch.
 */
export const ANNOUNCE_SCRIPT: RedisScript = redisScript(`${PLACE}
if isStale then return {'wait', ''} end
if epoch ~= ARGV[8] then return {'lost', epoch} end
announce(ARGV[7], ARGV[6])
return {'done', epoch}
`);

/**
 * A channel's newest place and a part of its stream, read at one moment. A channel without an epoch gets one here, so that a
 * subscriber's place is valid before the first publication. What was not announced yet is not there.
 *
 * ARGV  6 epoch that the caller's place is of, empty: any   7 XRANGE or XREVRANGE   8 from   9 to   10 most entries, 0: none, -1: all
 * Reply offset, epoch, publications in their wire form, newest offset that waits to be announced (0: none).
 */
export const HISTORY_SCRIPT: RedisScript = redisScript(`${PLACE}
local known, waits = top, 0
local first = redis.call('XRANGE', KEYS[4], '-', '+', 'COUNT', 1)[1]
if first then known, waits = tonumber(string.match(first[1], '^%d+')) - 1, top end
if ARGV[10] == '0' or isNew or (ARGV[6] ~= '' and ARGV[6] ~= epoch) then return {known, epoch, {}, waits} end
local entries
if ARGV[10] == '-1' then
  entries = redis.call(ARGV[7], KEYS[3], ARGV[8], ARGV[9])
else
  entries = redis.call(ARGV[7], KEYS[3], ARGV[8], ARGV[9], 'COUNT', ARGV[10])
end
for index, entry in ipairs(entries) do entries[index] = entry[2][2] end
return {known, epoch, entries, waits}
`);
