import { redisScript, type RedisScript } from "../redis/redis-script.ts";
import { PLACE } from "./redis-place-script.ts";

const channelScript = (body: string): RedisScript => redisScript(body, true);

/**
 * One publication: position, storage and delivery in one step, so that a channel's order is the order of its offsets on every node.
 * What an idempotency key or a version suppresses is judged within the epoch: a new one knows of neither. With replicated durability
 * it waits in `{tag}.q` until it is announced: nobody reads it before.
 *
 * KEYS  5 `{tag}.i:…`, where there is an idempotency key
 * ARGV  8 pub/sub channel   9 publications to keep, 0: not stored   10 TTL of the stream, ms   11 TTL of the idempotency key, ms
 *       12 version, empty: none   13 epoch of the version   14 flags   15 lengths   16 sections
 * Reply offset, epoch, receivers, why it was suppressed (empty: it was not), its time (ms).
 */
export const PUBLISH_SCRIPT: RedisScript = channelScript(`${PLACE}
if not isNew then
  local first = keys[5] and redis.call('GET', keys[5])
  if first then
    local offset, inEpoch = string.match(first, '^(%d+):(.*)$')
    if inEpoch == epoch then return {tonumber(offset), epoch, 0, 'duplicate'} end
  end
  if ARGV[12] ~= '' then
    local newest = redis.call('HMGET', keys[2], 'v', 'w')
    if newest[1] and newest[2] == ARGV[13] and tonumber(ARGV[12]) <= tonumber(newest[1]) then
      return {top, epoch, 0, 'outdated'}
    end
  end
end
local offset = redis.call('HINCRBY', keys[2], 'o', 1)
if ARGV[12] ~= '' then redis.call('HSET', keys[2], 'v', ARGV[12], 'w', ARGV[13]) end
local id = string.format('%.0f', offset)
local ms = string.format('%03d', math.floor(time[2] / 1000))
local bytes = id .. ':' .. epoch .. ':' .. time[1] .. ms .. ':' .. ARGV[14] .. ':' .. ARGV[15] .. ':' .. ARGV[16]
if keys[5] then redis.call('SET', keys[5], id .. ':' .. epoch, 'PX', ARGV[11]) end
if ARGV[4] ~= 'fast' then
  redis.call('XADD', keys[4], id, 'p', bytes, 'k', ARGV[9], 't', ARGV[10])
  redis.call('PEXPIRE', keys[4], ARGV[3])
  return {offset, epoch, 0, '', time[1] .. ms}
end
if redis.call('EXISTS', keys[4]) == 1 then announce('+', ARGV[8]) end
if ARGV[9] ~= '0' then
  redis.call('XADD', keys[3], 'MAXLEN', ARGV[9], id, 'p', bytes)
  redis.call('PEXPIRE', keys[3], ARGV[10])
end
return {offset, epoch, redis.call('SPUBLISH', ARGV[8], bytes), '', time[1] .. ms}
`);

/**
 * What waits of a channel, up to an offset, is stored and delivered in its order: everything of it is on the replicas that the
 * caller names. Only where the run is the one that the caller has had since before it asked them.
 *
 * ARGV  8 pub/sub channel   9 newest offset to announce   10 epoch that it is of
 * Reply `done`; `wait`: a replica is missing; `lost`: the channel has another epoch now, because what waited is gone too. And the epoch.
 */
export const ANNOUNCE_SCRIPT: RedisScript = channelScript(`${PLACE}
if isStale then return {'wait', ''} end
if epoch ~= ARGV[10] then return {'lost', epoch} end
if announce(ARGV[9], ARGV[8]) then return {'done', epoch} end
beginEpoch()
return {'lost', epoch}
`);

/**
 * A channel's newest place and a part of its stream, read at one moment. A channel without an epoch gets one here, so that a
 * subscriber's place is valid before the first publication. What was not announced yet is not there.
 *
 * ARGV  8 epoch that the caller's place is of, empty: any   9 XRANGE or XREVRANGE   10 from   11 to   12 most entries, 0: none, -1: all
 * Reply offset, epoch, publications in their wire form, newest offset that waits to be announced (0: none).
 */
export const HISTORY_SCRIPT: RedisScript = channelScript(`${PLACE}
local known, waits = top, 0
local first = redis.call('XRANGE', keys[4], '-', '+', 'COUNT', 1)[1]
if first then known, waits = tonumber(string.match(first[1], '^%d+')) - 1, top end
if ARGV[12] == '0' or isNew or (ARGV[8] ~= '' and ARGV[8] ~= epoch) then return {known, epoch, {}, waits} end
local entries
if ARGV[12] == '-1' then
  entries = redis.call(ARGV[9], keys[3], ARGV[10], ARGV[11])
else
  entries = redis.call(ARGV[9], keys[3], ARGV[10], ARGV[11], 'COUNT', ARGV[12])
end
for index, entry in ipairs(entries) do entries[index] = entry[2][2] end
return {known, epoch, entries, waits}
`);
