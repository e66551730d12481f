-- evidence keeps the evidence of a launch as of one tick, and with it what that look
-- came to, as a point of the launch's series. Neither goes back.
--   KEYS  1 evidence   2 series
--   ARGV  1 tick   2 blob   3 time to live in ms
--         4 point, or nothing   5 name of its layout   6 layout   7 time to live in ms   8 points at most
local tick, SERIES = tonumber(ARGV[1]), KEYS[2]
local stored, blob = unpack(redis.call('HMGET', KEYS[1], 'tick', 'blob'))
local last = tonumber(stored or 0) or 0
if last > tick or last == tick and blob ~= ARGV[2] then return {'STALE', string.format('%.0f', last)} end
redis.call('HSET', KEYS[1], 'tick', ARGV[1], 'blob', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if ARGV[4] == '' then return {'OK', ARGV[1]} end

local PART = 32 -- points in a field; even, so that thinning need not count across fields

-- thin drops every second point and returns how many are left.
local function thin(kept)
  local fields, left = {}, {}
  for i = 1, math.ceil(kept / PART) do fields[i] = 'points:' .. i - 1 end
  for _, points in ipairs(redis.call('HMGET', SERIES, unpack(fields))) do
    local from, odd = 1, true
    while from < #points do -- each begins with its length, in two bytes
      local high, low = string.byte(points, from, from + 1)
      local after = from + 2 + 256 * high + low
      if odd then left[#left + 1] = string.sub(points, from, after - 1) end
      from, odd = after, not odd
    end
  end
  redis.call('HDEL', SERIES, unpack(fields))
  for i = 1, #left, PART do
    redis.call('HSET', SERIES, 'points:' .. (i - 1) / PART, table.concat(left, '', i, math.min(i + PART - 1, #left)))
  end
  return #left
end

-- The latest point is kept by itself, because a launch ends with it. Once another one
-- comes it joins the rest, if it is the first of as many as one now stands for.
local state = redis.call('HMGET', SERIES, 'at', 'seen', 'every', 'kept', 'latest')
local at, seen, every, kept = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3] or 1), tonumber(state[4] or 0)
if at >= tick then return {'OK', ARGV[1]} end -- a retry; or the evidence was lost, and this was not
if seen > 0 and (seen - 1) % every == 0 then
  local field = 'points:' .. math.floor(kept / PART)
  redis.call('HSET', SERIES, field, (redis.call('HGET', SERIES, field) or '') .. state[5])
  kept = kept + 1
  if kept >= tonumber(ARGV[8]) then kept, every = thin(kept), 2 * every end
end
redis.call('HSETNX', SERIES, 'layout:' .. ARGV[5], ARGV[6])
redis.call('HSET', SERIES, 'at', ARGV[1], 'seen', seen + 1, 'every', every, 'kept', kept, 'latest', ARGV[4])
redis.call('PEXPIRE', SERIES, ARGV[7])
return {'OK', ARGV[1]}
