-- evidence keeps the evidence of a launch as of one tick; it never goes back.
--   KEYS  1 evidence   ARGV  1 tick   2 blob   3 time to live in ms
local tick = tonumber(ARGV[1])
local stored, blob = unpack(redis.call('HMGET', KEYS[1], 'tick', 'blob'))
local last = tonumber(stored or 0) or 0
if last > tick or last == tick and blob ~= ARGV[2] then return {'STALE', string.format('%.0f', last)} end
redis.call('HSET', KEYS[1], 'tick', ARGV[1], 'blob', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'OK', ARGV[1]}
