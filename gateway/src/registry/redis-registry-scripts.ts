import { redisScript, type RedisScript } from "../redis/redis-script.ts";

/**
 * One beat: renews the lease, ends the leases of silent pods, and returns the table.
 *
 * A lease is (pod uid, term). It is new, with a higher term, when the pod has none, when its row is gone (swept, or data lost) and
 * when Redis is another process than at the last beat (it may have forgotten the latest writes): whoever gets a new term writes all
 * its entries again, and the old term is left to the sweep; where the pod itself is still there, only when it has written.
 * Silence counts by Redis' own clock and only while Redis itself was there: after a gap in everybody's beats, and in the first
 * seconds of a Redis, no lease ends (`{L}:calm`).
 *
 * KEYS  1 `{L}:pods`   2 `{L}:dead`   3 `{L}:calm`   4 `{L}:complete`
 * ARGV  1 uid   2 term or ''   3 revision   4 dead after, ms   5 gap that means "Redis was away", ms   6 grace, ms   7 run id at the last beat or ''
 * Reply term, run id, Redis time (ms), calm until (ms), {uid, row, …} with row = `term beat revision`, {`uid:term`, …} to sweep,
 *       {uid, term under which all its entries are written, …}
 */
export const BEAT_SCRIPT: RedisScript = redisScript(`
local uid, term = ARGV[1], ARGV[2]
local dead_after, away, grace = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local info = redis.call('INFO', 'server')
local run = string.match(info, 'run_id:(%w+)')
local up = tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) * 1000
local function text(number) return string.format('%.0f', number) end

local function is_rewriting(lease)
  local other = string.match(lease, '^(.*):')
  local row = redis.call('HGET', KEYS[1], other)
  return row and string.match(row, '^%d+') ~= redis.call('HGET', KEYS[4], other)
end

local rows = redis.call('HGETALL', KEYS[1])
local newest, own = 0, nil
local beats = {}
for i = 1, #rows, 2 do
  local row_term, beat = string.match(rows[i + 1], '^(%d+) (%d+) ')
  beat = tonumber(beat) or 0
  newest = math.max(newest, beat)
  if rows[i] == uid then own = row_term else beats[rows[i]] = {row_term or '0', beat} end
end

local calm = tonumber(redis.call('GET', KEYS[3]) or '0')
if up < grace then calm = math.max(calm, now + grace - up) end
if newest > 0 and now - newest > away then calm = math.max(calm, now + grace) end
if calm > now then redis.call('SET', KEYS[3], text(calm), 'PX', text(calm - now)) end

if term == '' or own ~= term or run ~= ARGV[7] then
  if term ~= '' then redis.call('HSET', KEYS[2], uid .. ':' .. term, text(now + dead_after / 2)) end
  if own and own ~= term then redis.call('HSET', KEYS[2], uid .. ':' .. own, text(now)) end
  term = text(math.max(now, (tonumber(own) or 0) + 1, (tonumber(term) or 0) + 1))
end
redis.call('HSET', KEYS[1], uid, term .. ' ' .. text(now) .. ' ' .. ARGV[3])

if calm <= now then
  for other, lease in pairs(beats) do
    if now - lease[2] > dead_after then
      redis.call('HSET', KEYS[2], other .. ':' .. lease[1], text(now))
      redis.call('HDEL', KEYS[1], other)
      redis.call('HDEL', KEYS[4], other)
    end
  end
end
local ended, due = redis.call('HGETALL', KEYS[2]), {}
for i = 1, #ended, 2 do
  if tonumber(ended[i + 1]) <= now and not is_rewriting(ended[i]) then due[#due + 1] = ended[i] end
end
return {term, run, text(now), text(calm), redis.call('HGETALL', KEYS[1]), due, redis.call('HGETALL', KEYS[4])}
`);

/**
 * Gives the lease back. ARGV 3 is 1 when entries may be left: then the lease is handed to the sweep.
 * KEYS  1 `{L}:pods`   2 `{L}:dead`   3 `{L}:complete`
 * ARGV  1 uid   2 term   3 whether entries may be left
 */
export const LEAVE_SCRIPT: RedisScript = redisScript(`
local row = redis.call('HGET', KEYS[1], ARGV[1])
if row and string.match(row, '^%d+') == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
end
if ARGV[3] == '1' then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[2], ARGV[1] .. ':' .. ARGV[2], string.format('%.0f', time[1] * 1000))
end
return 1
`);

/**
 * Writes one entry, unless a newer owner has the client: one of a later generation, or of a newer term where two pods believe that
 * they hold it. Reply 0 then; the uid of another pod whose entry this one replaces; else 1.
 * KEYS  1 `{U}u:<user>`
 * ARGV  1 client   2 uid   3 term   4 generation
 */
export const PUT_ENTRY_SCRIPT: RedisScript = redisScript(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local former = 1
if entry then
  local uid, term, generation = string.match(entry, '^(%S+) (%d+) (%d+)')
  generation = tonumber(generation) or 0
  if generation > tonumber(ARGV[4]) then return 0 end
  if uid and uid ~= ARGV[2] then
    if generation == tonumber(ARGV[4]) and tonumber(term) > tonumber(ARGV[3]) then return 0 end
    former = uid
  end
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4] .. ' - ' .. now)
return former
`);

/**
 * Writes one entry if the user has room for it. Entries of dead leases and of clients that were proved to be gone do not count.
 * Reply empty when written, else client and value of those that count, by turns.
 * KEYS  1 `{U}u:<user>`
 * ARGV  1 client   2 uid   3 term   4 generation   5 limit   6 number of dead leases   then these, `uid term`, then gone clients
 */
export const CLAIM_ENTRY_SCRIPT: RedisScript = redisScript(`
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
  local dead, gone, counted = {}, {}, {}
  for i = 7, 6 + ARGV[6] do dead[ARGV[i]] = true end
  for i = 7 + ARGV[6], #ARGV do gone[ARGV[i]] = true end
  local entries = redis.call('HGETALL', KEYS[1])
  for i = 1, #entries, 2 do
    local client, value = entries[i], entries[i + 1]
    local lease = string.match(value, '^%S+ %S+')
    if client ~= ARGV[1] and lease and not gone[client] and not dead[lease] then
      counted[#counted + 1] = client
      counted[#counted + 1] = value
    end
  end
  if #counted >= 2 * ARGV[5] then return counted end
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4] .. ' - ' .. now)
return {}
`);

/**
 * Removes one entry if it is of this lease.
 * KEYS  1 `{U}u:<user>`
 * ARGV  1 client   2 uid   3 term
 */
export const REMOVE_ENTRY_SCRIPT: RedisScript = redisScript(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local lease = ARGV[2] .. ' ' .. ARGV[3] .. ' '
if entry and string.sub(entry, 1, #lease) == lease then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
`);

/**
 * Names the next owner of an entry that is held as (uid, term, generation). Reply 1, else 0.
 * KEYS  1 `{U}u:<user>`
 * ARGV  1 client   2 uid   3 term   4 generation   5 next, `uid:term`
 */
export const RESERVE_ENTRY_SCRIPT: RedisScript = redisScript(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local from = ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4] .. ' '
if not entry or string.sub(entry, 1, #from) ~= from then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], from .. ARGV[5] .. string.match(entry, ' %S+$'))
return 1
`);

/**
 * Makes the next owner the owner. Reply 1 (taken, perhaps before), 2 (there is no entry, or was none), else 0.
 * KEYS  1 `{U}u:<user>`
 * ARGV  1 client   2 uid   3 term   4 generation of the former owner   5 uid   6 term of the next   7 1: also where there is no entry
 */
export const COMMIT_ENTRY_SCRIPT: RedisScript = redisScript(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local from = ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4] .. ' '
local generation = string.format('%.0f', ARGV[4] + 1)
local own = ARGV[5] .. ' ' .. ARGV[6] .. ' ' .. generation .. ' '
if entry and string.sub(entry, 1, #own) == own then return 1 end
-- Made before, under a lease that has ended since.
local uid, _, made, since = string.match(entry or '', '^(%S+) (%d+) (%d+) %S+ (%S+)$')
if uid == ARGV[5] and made == generation then
  redis.call('HSET', KEYS[1], ARGV[1], own .. '- ' .. since)
  return 1
end
local reserved = from .. ARGV[5] .. ':' .. ARGV[6] .. ' '
if entry and string.sub(entry, 1, #reserved) ~= reserved then return 0 end
if not entry and ARGV[7] == '0' then return 2 end
local time = redis.call('TIME')
local since = entry and string.match(entry, ' (%S+)$') or string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], ARGV[1], own .. '- ' .. since)
return entry and 1 or 2
`);

/**
 * Takes a reservation back.
 * KEYS  1 `{U}u:<user>`
 * ARGV  1 client   2 uid   3 term   4 generation   5 next, `uid:term`
 */
export const RELEASE_ENTRY_SCRIPT: RedisScript = redisScript(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local from = ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4] .. ' '
local reserved = from .. ARGV[5] .. ' '
if not entry or string.sub(entry, 1, #reserved) ~= reserved then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], from .. '-' .. string.match(entry, ' %S+$'))
return 1
`);

/**
 * The owner keeps its entry: two generations on, so that what was reserved is void and a commit under the same lease is another
 * generation. Reply 1, also when it was done before; 2 where there is no entry; else 0.
 * KEYS  1 `{U}u:<user>`
 * ARGV  1 client   2 uid   3 term   4 generation
 */
export const RECLAIM_ENTRY_SCRIPT: RedisScript = redisScript(`
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local lease = ARGV[2] .. ' ' .. ARGV[3] .. ' '
local from = lease .. ARGV[4] .. ' '
local own = lease .. string.format('%.0f', ARGV[4] + 2) .. ' '
if not entry then return 2 end
if string.sub(entry, 1, #own) == own then return 1 end
if string.sub(entry, 1, #from) ~= from then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], own .. '-' .. string.match(entry, ' %S+$'))
return 1
`);

/**
 * Takes or keeps the right to sweep.
 * KEYS  1 `{L}:sweep`
 * ARGV  1 who   2 for how long, ms
 */
export const LEAD_SCRIPT: RedisScript = redisScript(`
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

/** KEYS  1 `{L}:sweep`   ARGV  1 who */
export const RESIGN_SCRIPT: RedisScript = redisScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`);
