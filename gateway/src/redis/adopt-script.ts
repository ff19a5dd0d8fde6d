import { redisScript, type RedisScript } from "./redis-script.ts";

/**
 * A partition whose slot was moved here as a whole goes on in its term. The caller has proved that; the script makes sure that it
 * runs where the proof is about, soon enough, and that nobody else has decided meanwhile. Replicas of the former server say
 * nothing about this one's.
 *
 * KEYS  1 `{tag}.t`
 * ARGV  1 `<run id>:<replication id>` that it was written under   2 that of this server   3 this server's time when the proof began, s
 *       4 most seconds since then
 * Reply 1 when it was adopted.
 */
export const ADOPT_SCRIPT: RedisScript = redisScript(`
local partition = redis.call('HMGET', KEYS[1], 'run', 'id', 's')
if not partition[1] or not partition[2] or partition[1] .. ':' .. partition[2] ~= ARGV[1] then return 0 end
local current = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if current .. ':' .. id ~= ARGV[2] then return 0 end
if redis.call('TIME')[1] - ARGV[3] > tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], 'run', current, 'id', id)
if partition[3] then redis.call('HSET', KEYS[1], 's', ',') end
return 1
`);
