-- confirm notes how far a reader has come, forgets readers that have fallen
-- silent, and counts those that have come as far as a revision.
--   KEYS  1 readers   2 readers:seen   3 readers:at
--   ARGV  1 revision   2 ms until silence is absence   3 ID of the reader, or none   4 the reader, as JSON
local READERS, SEEN, AT = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

if ARGV[3] ~= '' then
  redis.call('HSET', READERS, ARGV[3], ARGV[4])
  redis.call('ZADD', SEEN, now, ARGV[3])
  redis.call('ZADD', AT, ARGV[1], ARGV[3])
end
-- Some hundreds at a time: a fleet that has gone must not hold up one that is there.
local silent = redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - ARGV[2], 'LIMIT', 0, 500)
if #silent > 0 then
  redis.call('HDEL', READERS, unpack(silent))
  redis.call('ZREM', SEEN, unpack(silent))
  redis.call('ZREM', AT, unpack(silent))
end
return {redis.call('ZCOUNT', AT, ARGV[1], '+inf'), redis.call('ZCARD', SEEN)}
