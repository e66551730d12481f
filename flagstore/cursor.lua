-- cursor holds a place in the audit stream for one follower of several.
--   KEYS  1 cursor
--   ARGV  1 holder   2 for how long, in ms   3 the place that the holder has come to, or nothing
local clock = redis.call('TIME')
local now = math.floor((clock[1] * 1000000 + clock[2]) / 1000)
local holder, till, place = unpack(redis.call('HMGET', KEYS[1], 'holder', 'till', 'place'))
local mine = holder == ARGV[1]
if holder and not mine and (tonumber(till or 0) or 0) > now then return {'HELD', place or ''} end
-- Whoever was overtaken does not take the place back that another one has come to; where
-- the store has lost it, the follower has not.
if ARGV[3] ~= '' and (mine or (place or '') == '') then place = ARGV[3] end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'till', string.format('%.0f', now + ARGV[2]), 'place', place or '')
return {'OK', place or ''}
