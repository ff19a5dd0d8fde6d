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
 * With replicated durability the term outlives a failover where that is proved. `s` names the processes (run ids, `,a,b,`) that had
 * acknowledged everything when anything of this term was announced. A process that finds itself there, and was promoted from the very
 * history that the partition was written under, has all that anybody was told of. A replica that is missing ends the term before
 * anything is announced without it.
 *
 * KEYS  1 `{tag}.t`   2 `{tag}.m:<channel>`   3 `{tag}.s:<channel>`   4 `{tag}.q:<channel>`
 * ARGV  1 `<run id>:<replication id>` as the caller knows it   2 epoch to use if one is needed   3 TTL of the meta, ms
 *       4 `fast`, `replicated`, or `patient`: as replicated, but a missing replica is waited for
 *       5 run ids that have everything, as in `s`; empty where nobody looked
 *       6 `hold`: nothing is done where the partition was written by another process, for it may have been moved here as a whole;
 *         `end`: its term ends then
 *       7 how many keys stand behind the last argument; KEYS has the first one only then: the slot is on its way here, and not before
 *         everything has come may a key that is missing be taken for one that never was
 * Leaves keys, epoch, top (offset of the newest publication), isNew, isStale (the caller's idea of the run is not that of the partition),
 * beginEpoch, and announce, which is false where something that waited is gone. Replies `wait` where a patient caller has to, and `foreign` with the run of the other process, empty for
 * none, where it holds.
 */
export const PLACE = `
local keys, moved = KEYS, tonumber(ARGV[7])
if moved > 0 then
  keys = {KEYS[1]}
  for index = #ARGV - moved + 1, #ARGV do keys[#keys + 1] = ARGV[index] end
end
local partition = redis.call('HMGET', keys[1], 'run', 'n', 'id', 's', 'x')
local run, term, id, replicas, mixed = partition[1], partition[2], partition[3], partition[4], tonumber(partition[5])
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
local isStale = not run or not id or run .. ':' .. id ~= ARGV[1]
local function begin(members)
  term = string.format('%.0f', math.max(clock, (tonumber(term) or 0) + 1))
  replicas = members
  redis.call('HSET', keys[1], 'n', term)
  if members then redis.call('HSET', keys[1], 's', members) else redis.call('HDEL', keys[1], 's') end
end
if isStale then
  local current = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local replication = redis.call('INFO', 'replication')
  local currentId = string.match(replication, 'master_replid:(%w+)')
  local isSame = run == current and id == currentId
  if ARGV[6] == 'hold' and moved > 0 and not isSame then return {'foreign', run and id and run .. ':' .. id or ''} end
  if run ~= current or (id and id ~= currentId) then
    local isHere = replicas and string.find(replicas, ',' .. current .. ',', 1, true)
    local isHeir = id == string.match(replication, 'master_replid2:(%w+)')
    if isHere and isHeir then
      replicas = string.gsub(replicas, ',' .. current .. ',', ',')
      redis.call('HSET', keys[1], 's', replicas)
    elseif ARGV[6] == 'hold' and run and id and run ~= current and not isHeir then
      return {'foreign', run .. ':' .. id}
    else
      begin(ARGV[4] ~= 'fast' and ',')
    end
    redis.call('HSET', keys[1], 'run', current, 'id', currentId)
  elseif not id then
    redis.call('HSET', keys[1], 'id', currentId)
  end
end
if ARGV[4] == 'fast' then
  if replicas then
    begin(false)
    redis.call('HSET', keys[1], 'x', clock)
  end
elseif not replicas and (not mixed or clock - mixed > 60000) then
  begin(',')
end
if ARGV[5] ~= '' and not isStale and replicas and replicas ~= ARGV[5] then
  for each in string.gmatch(replicas, '%w+') do
    if not string.find(ARGV[5], ',' .. each .. ',', 1, true) then
      if ARGV[4] == 'patient' then return {'wait', ''} end
      begin(ARGV[5])
      break
    end
  end
  if replicas ~= ARGV[5] then redis.call('HSET', keys[1], 's', ARGV[5]) end
end
local meta = redis.call('HMGET', keys[2], 'e', 'o', 'n', 'a')
local epoch, top, announced = meta[1], tonumber(meta[2]), tonumber(meta[4])
local function beginEpoch()
  for index = 2, 4 do redis.call('DEL', keys[index]) end
  epoch, top, announced = ARGV[2], 0, ARGV[4] ~= 'fast' and 0 or nil
  redis.call('HSET', keys[2], 'e', epoch, 'o', 0, 'n', term)
  if announced then redis.call('HSET', keys[2], 'a', 0) end
  redis.call('PEXPIRE', keys[2], ARGV[3])
end
local isNew = not epoch or not top or meta[3] ~= term
if isNew then beginEpoch() else redis.call('PEXPIRE', keys[2], ARGV[3], 'GT') end
local function announce(last, channel)
  for _, entry in ipairs(redis.call('XRANGE', keys[4], '-', last)) do
    if announced then
      announced = announced + 1
      if tonumber(string.match(entry[1], '^%d+')) ~= announced then return false end
    end
    local bytes, keep, ttl = entry[2][2], entry[2][4], entry[2][6]
    if keep ~= '0' then
      redis.call('XADD', keys[3], 'MAXLEN', keep, entry[1], 'p', bytes)
      redis.call('PEXPIRE', keys[3], ttl)
    end
    redis.call('XDEL', keys[4], entry[1])
    redis.call('SPUBLISH', channel, bytes)
  end
  if redis.call('XLEN', keys[4]) == 0 then redis.call('DEL', keys[4]) end
  if not announced then return true end
  redis.call('HSET', keys[2], 'a', announced)
  return last == '+' or announced >= tonumber(last)
end
`;
