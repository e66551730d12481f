-- confirm notes how far readers have come, takes off those that have left and those
-- that have fallen silent, and counts those that have come as far as a revision.
--   KEYS  1 readers   2 readers:seen   3 readers:at
--   ARGV  1 revision   2 ms until silence is absence   3 how many have left, and then their IDs;
--         after them, of each reader its ID, its revision and the reader as JSON
local READERS, SEEN, AT = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function takeOff(id)
  redis.call('HDEL', READERS, id)
  redis.call('ZREM', SEEN, id)
  redis.call('ZREM', AT, id)
end

local left = tonumber(ARGV[3])
for i = 4, 3 + left do takeOff(ARGV[i]) end
for i = 4 + left, #ARGV, 3 do
  redis.call('HSET', READERS, ARGV[i], ARGV[i + 2])
  redis.call('ZADD', SEEN, now, ARGV[i])
  redis.call('ZADD', AT, ARGV[i + 1], ARGV[i])
end
-- Some hundreds at a time: a fleet that has gone must not hold up one that is there.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - ARGV[2], 'LIMIT', 0, 500)) do takeOff(id) end
return {redis.call('ZCOUNT', AT, ARGV[1], '+inf'), redis.call('ZCARD', SEEN)}
