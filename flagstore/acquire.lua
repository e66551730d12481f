-- acquire takes the pen of a flag and writes its document again under a new
-- version, so that every earlier pen is overtaken.
--   ARGV  6 flag   7 owner   8 time of the workflow   9 version that was read
--         10 new version   11 document   12 1: also while killed or not set up
--         13 lease in ms, 0 for none   14 1: the lease goes on, and must not have ended
--         15 layer of which slots are claimed, '' for none   16 claims of it that were read
--         17 ... whose pen may be taken, besides nobody's and the owner's own
local flag, owner, at, seen, version, document = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local restore, lease, goesOn = ARGV[12] == '1', tonumber(ARGV[13]), ARGV[14] == '1'

local strange = foreign()
if strange then return strange end

local stored = read(STATE, 'f:' .. flag)
local holder = redis.call('HGET', PENS, 'owner:' .. flag) or ''
local takenAt, fence, taker = string.match(redis.call('HGET', PENS, 'taken:' .. flag) or '', '^(%d+) (%d+) (.*)$')
if takenAt == at and taker == owner and stored >= tonumber(fence) then
  if holder == owner then return {'DUP', fence, whole(revision())} end
  return {'OWNED', whole(stored), holder} -- a zombie: taken, used and handed on
end

local free = holder == '' or holder == owner
for i = 17, #ARGV do free = free or holder == ARGV[i] end
if not free then return {'OWNED', whole(stored), holder} end
if not restore and not redis.call('HGET', STATE, 'epoch') then return {'NOTSETUP', whole(stored)} end
local _, register = read(STATE, 'k:' .. flag)
if not restore and register and decode(register).killed then return {'KILLED', whole(stored), register} end
if stored ~= seen then return {'CHANGED', whole(stored)} end
-- Who claims slots has looked at whom the layer has: somebody may have come since.
local layer, claims = ARGV[15], tonumber(ARGV[16])
if layer ~= '' then
  local claimed = tonumber(redis.call('HGET', PENS, 'claims:' .. layer) or 0)
  if claimed ~= claims then return {'CHANGED', whole(stored)} end
end
-- A new version has its whole lease before it, so to write an exposure again whose
-- lease has ended, or is missing, would be to revive it.
local guarded, ends = read(LEASES, flag)
if goesOn and lease > 0 and (guarded ~= stored or (tonumber(ends) or 0) <= now) then return {'ENDED', whole(stored)} end
if ahead(version, stored) then return {'AHEAD', whole(stored), whole(now)} end

if layer ~= '' then redis.call('HSET', PENS, 'claims:' .. layer, whole(claims + 1)) end
redis.call('HSET', PENS, 'owner:' .. flag, owner, 'taken:' .. flag, at .. ' ' .. whole(version) .. ' ' .. owner)
if lease > 0 then
  redis.call('HSET', LEASES, flag, whole(version) .. ' ' .. whole(now + lease))
else
  redis.call('HDEL', LEASES, flag)
end
return {'OK', whole(version), commit('f', flag, version, document, '!'), holder}
