-- lease renews the lease of one version of a flag, and tells the guard all that it
-- must know: the clock, the document and the kill register.
--   ARGV  6 flag   7 version   8 term in ms, 0 to look without renewing
local flag, version, term = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])

local stored, document = read(STATE, 'f:' .. flag)
local guarded, ends = read(LEASES, flag)
ends = tonumber(ends) or 0
local left = guarded == version and ends - now or 0
local _, register = read(STATE, 'k:' .. flag)
local function answer(word) return {word, whole(stored), document or '', register or '', whole(guarded), whole(ends), whole(now), whole(left)} end

local strange = foreign()
if strange then return strange end
-- Of nothing no lease has ended: whoever was told of the loss knows of no version (0).
if stored < version or stored == 0 then return answer('LOST') end
if stored > version then return answer('STALE') end
if guarded == version and ends <= now or guarded ~= version and term > 0 then return answer('ENDED') end
if term > 0 then
  ends = math.max(ends, now + term)
  redis.call('HSET', LEASES, flag, whole(version) .. ' ' .. whole(ends))
end
return answer('OK')
